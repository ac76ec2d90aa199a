//! What a layout file becomes.
