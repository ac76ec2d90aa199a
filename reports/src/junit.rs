//! `JUnit` XML, as continuous integration shows it: a suite for each system and profile, or target, and a test for each
//! scenario. What differs from what is expected is a failure; what shows nothing although it should, too.

use std::collections::BTreeMap;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report as Document, TestCase, TestCaseStatus, TestSuite};

use crate::plain::visible;
use crate::text::{self, Page};
use crate::view::{Case, Report};

/// The report as `JUnit` XML. Characters that XML does not have are left out, hidden ones
/// visible.
///
/// # Errors
/// Never in practice: it is written into memory.
pub fn render(report: &Report) -> Result<String, quick_junit::SerializeError> {
    let mut suites: BTreeMap<(&str, &str), Vec<&Case>> = BTreeMap::new();
    for case in &report.cases {
        suites.entry((&case.system, &case.profile)).or_default().push(case);
    }
    let mut document = Document::new("meddle");
    for ((system, profile), cases) in suites {
        let mut suite = TestSuite::new(format!("{system} {profile}"));
        let took = time(cases.iter().copied());
        suite.add_test_cases(cases.into_iter().map(test));
        if let Some(took) = took {
            suite.set_time(took);
        }
        document.add_test_suite(suite);
    }
    if let Some(took) = time(&report.cases) {
        document.set_time(took);
    }
    document.to_string().map(|xml| visible(&xml).into_owned())
}

/// The time of all, if it was measured of any.
fn time<'a>(cases: impl IntoIterator<Item = &'a Case>) -> Option<Duration> {
    cases.into_iter().filter_map(|case| case.took).reduce(Duration::saturating_add)
}

fn test(case: &Case) -> TestCase {
    let mut status = if case.is_not_implemented() {
        TestCaseStatus::skipped()
    } else if case.expected {
        TestCaseStatus::success()
    } else {
        TestCaseStatus::non_success(NonSuccessKind::Failure)
    };
    if case.is_not_implemented() {
        status.set_message("not implemented");
    } else if !case.expected {
        let why = case.inconclusive.clone().unwrap_or_else(|| case.mismatches.join("; "));
        status.set_message(why);
        status.set_type(case.outcome());
        status.set_description(text::case(case, Page::PLAIN));
    }
    let mut test = TestCase::new(case.scenario.as_str(), status);
    test.set_classname(format!("{}.{}.{}", case.family, case.system, case.profile));
    if let Some(took) = case.took {
        test.set_time(took);
    }
    test
}
