//! The result: one line a figure, with its goal.

use serde_json::{Value, json};

/// One figure.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) measured: String,
    pub(crate) against: String,
    pub(crate) ratio: f64,
    pub(crate) goal: &'static str,
    pub(crate) holds: bool,
}

/// A Markdown table.
pub(crate) fn table(figures: &[Figure]) -> String {
    let mut lines = vec![
        "| figure | measured | against, same run | ratio | goal | holds |".to_owned(),
        "|---|---|---|---|---|---|".to_owned(),
    ];
    for figure in figures {
        let Figure { name, measured, against, ratio, goal, holds } = figure;
        let holds = if *holds { "yes" } else { "NO" };
        lines.push(format!("| {name} | {measured} | {against} | {ratio:.2} | {goal} | {holds} |"));
    }
    lines.join("\n")
}

/// The same for machines.
pub(crate) fn json(figures: &[Figure]) -> Value {
    figures
        .iter()
        .map(|figure| {
            json!({
                "name": figure.name,
                "measured": figure.measured,
                "against": figure.against,
                "ratio": figure.ratio,
                "goal": figure.goal,
                "holds": figure.holds,
            })
        })
        .collect()
}
