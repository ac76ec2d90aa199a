//! The report as one HTML page that loads nothing: style, script and drawings are inside, and the page's own policy forbids everything
//! else, any script but its own included.
//!
//! A case is an element that is shown while it is the target of the address, so that links work without a script. Whatever comes from outside
//! is escaped by the templates, and hidden characters are made visible once, over the whole page.

use askama::Template;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use crate::plain::visible;
use crate::view::Report;
use crate::view::details::{Definition, Details};

mod ablation;
mod article;
mod benches;
mod classes;
mod matrix;

use ablation::Grid;
use article::{Article, Cost};
use benches::Measured;
use matrix::{GlanceRow, Group};

pub(crate) use matrix::words;

const STYLE: &str = concat!(
    include_str!("../templates/colours.css"),
    include_str!("../templates/page.css"),
    include_str!("../templates/ladder.css")
);
const SCRIPT: &str = include_str!("../templates/page.js");

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    style: &'static str,
    script: &'static str,
    policy: String,
    parties: String,
    commit: &'a str,
    counts: &'a crate::view::Summary,
    groups: Vec<Group<'a>>,
    glance: Vec<GlanceRow<'a>>,
    families: &'a [Definition],
    properties: &'a [Definition],
    grids: Vec<Grid<'a>>,
    costs: Vec<Cost<'a>>,
    benches: Option<Measured<'a>>,
    articles: Vec<Article<'a>>,
}

/// The report as an HTML page.
///
/// # Errors
/// Never in practice: it is written into memory.
pub fn render(report: &Report) -> askama::Result<String> {
    let nothing = Details { commit: "unknown".to_owned(), ..Details::default() };
    let details = report.details.as_ref().unwrap_or(&nothing);
    let ids = matrix::ids(&report.cases);
    let groups = matrix::groups(report, details, &ids);
    let page = Page {
        style: STYLE,
        script: SCRIPT,
        policy: policy(),
        parties: crate::sequence::parties(),
        commit: &details.commit,
        counts: &report.summary,
        glance: matrix::glance(report, &groups),
        groups,
        families: &details.families,
        properties: &details.properties,
        grids: details.ablation.iter().map(Grid::of).collect(),
        costs: article::costs(&report.cases, &ids),
        benches: details.benches.as_ref().map(Measured::of),
        articles: article::articles(report, details, &ids),
    };
    let html = page.render()?;
    Ok(visible(&html).into_owned())
}

/// What the page may do: its own style, and the one script of this digest.
fn policy() -> String {
    let digest = BASE64_STANDARD.encode(Sha256::digest(SCRIPT.as_bytes()));
    format!(
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
}
