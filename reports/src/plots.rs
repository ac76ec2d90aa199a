//! Plots as SVG for the inside of a page, which has the style sheet: how measurements are distributed, and ratios to others.

use std::fmt::Write;

use crate::plain::line;
use crate::sequence::escape;
use crate::view::benches::{Distribution, Ratio};

/// Bars of a distribution.
const BARS: usize = 40;
/// Units from left to right of a distribution, and down to its axis.
const WIDTH: f64 = 300.0;
const AXIS: f64 = 88.0;

/// How the samples of one benchmark are distributed: a histogram, and a line at the typical time.
pub fn distribution(found: &Distribution) -> String {
    let Distribution { samples_ns, typical_ns, .. } = found;
    let (Some(first), Some(last)) = (samples_ns.first(), samples_ns.last()) else {
        return String::new();
    };
    // One far away would leave all others in one bar: the axis ends where the last hundredth begins.
    let cut = samples_ns.get(samples_ns.len() * 99 / 100).unwrap_or(last);
    let low = first.min(*typical_ns);
    let high = cut.max(*typical_ns);
    let span = if high > low { high - low } else { low.abs().max(1e-9) * 0.01 };
    let along = |value: f64| 8.0 + (WIDTH - 16.0) * ((value - low) / span).clamp(0.0, 1.0);
    let mut bars = [0_u32; BARS];
    for sample in samples_ns.iter().filter(|sample| **sample <= high) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "between 0 and the number of bars"
        )]
        let bar = (((sample - low) / span).clamp(0.0, 1.0) * (BARS - 1) as f64) as usize;
        if let Some(bar) = bars.get_mut(bar) {
            *bar += 1;
        }
    }
    let most = f64::from(bars.iter().copied().max().unwrap_or(1).max(1));
    let step = (WIDTH - 16.0) / 40.0;
    let mut shape = format!("M8 {AXIS}");
    let mut before = 0;
    for (at, bar) in (0_u32..).zip(bars) {
        if bar != before {
            let top = AXIS - 70.0 * f64::from(bar) / most;
            let _ = write!(shape, "H{:.1}V{top:.1}", 8.0 + step * f64::from(at));
        }
        before = bar;
    }
    let _ = write!(shape, "H292V{AXIS}z");
    let outliers = samples_ns.iter().filter(|sample| **sample > high).count();
    let label = format!("Distribution of {} {}", found.group, found.name);
    let mut svg = format!(
        "<svg class=plot viewBox=\"0 0 300 112\" role=img aria-label=\"{}\"><path class=d d=\"{shape}\"/><path class=ax d=\"M8 {AXIS}H292\"/>",
        escape(&line(&label, 120)),
    );
    let _ = write!(svg, "<path class=t d=\"M{:.1} 12V{AXIS}\"/>", along(*typical_ns));
    let _ = write!(svg, "<text x=8 y=104>{}</text>", time(low));
    let _ = write!(svg, "<text class=end x=292 y=104>{}</text>", time(high));
    if outliers > 0 {
        let _ = write!(svg, "<text class=\"m end\" x=292 y=12>{outliers} beyond →</text>");
    }
    svg.push_str("</svg>");
    svg
}

/// Ratios as dots with whiskers along a line at 1, on a logarithmic scale, by operation in the order they come.
pub fn ratios(rows: &[Ratio]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let least = rows.iter().map(|row| row.ratio.min).fold(0.8, f64::min);
    let most = rows.iter().map(|row| row.ratio.max).fold(1.25, f64::max);
    let (low, high) = (least.ln() - 0.05, most.ln() + 0.05);
    let along = |value: f64| 300.0 + 380.0 * ((value.ln() - low) / (high - low)).clamp(0.0, 1.0);
    let mut operations: Vec<&str> = Vec::new();
    for row in rows {
        if !operations.contains(&row.operation.as_str()) {
            operations.push(&row.operation);
        }
    }
    let mut body = String::new();
    let mut at = 34_u32;
    for operation in operations {
        let _ = write!(
            body,
            "<text x=8 y={} font-weight=650>{}</text>",
            at + 4,
            escape(&line(operation, 90))
        );
        at += 20;
        for row in rows.iter().filter(|row| row.operation == operation) {
            let spread = row.ratio;
            let slow = match spread {
                // Nobody is ahead where the whisker crosses the line.
                spread if spread.min <= 1.0 && spread.max >= 1.0 => " even",
                spread if spread.median > 1.0 => " slow",
                _ => "",
            };
            let bytes = row.bytes.map_or_else(String::new, |bytes| format!(", {bytes} B"));
            let name = line(&format!("{} / {}{bytes}", row.subject, row.peer), 42);
            let _ = write!(
                body,
                "<text class=m x=20 y={}>{}</text><path class=\"wh{slow}\" d=\"M{:.1} {at}H{:.1}\"/><circle class=\"dot{slow}\" cx={:.1} cy={at} r=4.5 /><text class=end x=752 y={}>{:.2}</text>",
                at + 4,
                escape(&name),
                along(spread.min),
                along(spread.max),
                along(spread.median),
                at + 4,
                spread.median,
            );
            at += 20;
        }
        at += 4;
    }
    let mut svg = format!(
        "<svg class=\"plot ratios\" viewBox=\"0 0 760 {}\" role=img aria-label=\"Ratios of our time to theirs; the numbers stand below\">",
        at + 24
    );
    let one = along(1.0);
    let _ = write!(svg, "<path class=\"ax one\" d=\"M{one:.1} 24V{at}\"/>");
    for mark in [0.1_f64, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0] {
        if mark.ln() >= low && mark.ln() <= high {
            let x = along(mark);
            let _ = write!(svg, "<path class=ax d=\"M{x:.1} {at}v5\"/>");
            let _ = write!(svg, "<text class=\"m mid\" x={x:.1} y={}>{mark}</text>", at + 18);
        }
    }
    let _ =
        write!(svg, "<text class=\"m end\" x={:.1} y=14>← faster than theirs</text>", one - 8.0);
    let _ = write!(svg, "<text class=m x={:.1} y=14>slower →</text>", one + 8.0);
    svg.push_str(&body);
    svg.push_str("</svg>");
    svg
}

/// Nanoseconds for people.
pub fn time(ns: f64) -> String {
    match ns {
        ns if ns < 1e3 => format!("{ns:.1} ns"),
        ns if ns < 1e6 => format!("{:.2} µs", ns / 1e3),
        ns if ns < 1e9 => format!("{:.2} ms", ns / 1e6),
        ns => format!("{:.2} s", ns / 1e9),
    }
}
