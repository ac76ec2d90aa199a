//! m
use super::*;
