//! Metrics as text, in the format that the scraper asks for: OpenMetrics 1.0, or the older text
//! format 0.0.4 of Prometheus. Takes plain values; who measures them, and when, is not its concern.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

/// Which text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus text 0.0.4, which every scraper reads.
    Prometheus,
}

impl Format {
    /// The format for a scraper that sends this `Accept` header, if it sends one.
    pub fn accepted(accept: Option<&str>) -> Format {
        match accept {
            Some(accept) if accept.contains("application/openmetrics-text") => Format::OpenMetrics,
            _ => Format::Prometheus,
        }
    }

    /// The `Content-Type` header of the text.
    pub const fn content_type(self) -> &'static str {
        match self {
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Format::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// Names and values of labels, in the order in which they are written.
pub type Labels<'a> = &'a [(&'a str, &'a str)];

/// A text under construction. Metrics are written family by family, each family once.
#[derive(Debug)]
pub struct MetricsText {
    format: Format,
    text: String,
    families: BTreeSet<String>,
}

/// A number in the text: whole numbers stay exact.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// A whole number.
    Whole(i128),
    /// A fraction, or one of the values that only floats have.
    Float(f64),
}

impl From<u64> for Number {
    fn from(number: u64) -> Number {
        Number::Whole(number.into())
    }
}

impl From<u32> for Number {
    fn from(number: u32) -> Number {
        Number::Whole(number.into())
    }
}

impl From<i64> for Number {
    fn from(number: i64) -> Number {
        Number::Whole(number.into())
    }
}

impl From<usize> for Number {
    fn from(number: usize) -> Number {
        Number::Whole(number as i128)
    }
}

impl From<f64> for Number {
    fn from(number: f64) -> Number {
        Number::Float(number)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Number::Whole(number) => number.fmt(f),
            Number::Float(number) if number.is_nan() => f.write_str("NaN"),
            Number::Float(f64::INFINITY) => f.write_str("+Inf"),
            Number::Float(f64::NEG_INFINITY) => f.write_str("-Inf"),
            // Debug writes the shortest text that reads as the same number, with a point in it.
            Number::Float(number) => write!(f, "{number:?}"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
    Summary,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
            Kind::Summary => "summary",
        }
    }
}

impl MetricsText {
    /// An empty text.
    pub fn new(format: Format) -> MetricsText {
        MetricsText { format, text: String::new(), families: BTreeSet::new() }
    }

    /// Begins a counter: a number that only grows, but for restarts. `name` is without `_total`,
    /// which its samples get.
    pub fn counter(&mut self, name: &str, help: &str) -> CounterFamily<'_> {
        assert!(!name.ends_with("_total"), "the text adds _total itself: {name}");
        CounterFamily {
            name: self.begin(Kind::Counter, &format!("{name}_total"), help),
            text: self,
        }
    }

    /// Begins a gauge: a number that goes up and down.
    pub fn gauge(&mut self, name: &str, help: &str) -> GaugeFamily<'_> {
        GaugeFamily { name: self.begin(Kind::Gauge, name, help), text: self }
    }

    /// Begins a histogram: how many values fell below each of some bounds.
    pub fn histogram(&mut self, name: &str, help: &str) -> HistogramFamily<'_> {
        HistogramFamily { name: self.begin(Kind::Histogram, name, help), text: self }
    }

    /// Begins a summary: quantiles that were computed here.
    pub fn summary(&mut self, name: &str, help: &str) -> SummaryFamily<'_> {
        SummaryFamily { name: self.begin(Kind::Summary, name, help), text: self }
    }

    /// The whole text.
    pub fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }

    /// Writes the head of a family whose samples are called `sample_name`.
    fn begin(&mut self, kind: Kind, sample_name: &str, help: &str) -> String {
        assert!(is_metric_name(sample_name), "no name of a metric: {sample_name:?}");
        // OpenMetrics names a counter without the suffix of its samples, Prometheus with it.
        let family = match self.format {
            Format::OpenMetrics => sample_name.strip_suffix("_total").unwrap_or(sample_name),
            Format::Prometheus => sample_name,
        };
        let is_new = self.families.insert(family.to_owned());
        assert!(is_new, "all samples of a metric stand together: {family} is begun twice");
        self.text.push_str("# HELP ");
        self.text.push_str(family);
        self.text.push(' ');
        let escape_quotes = self.format == Format::OpenMetrics;
        push_escaped(&mut self.text, help, escape_quotes);
        writeln!(self.text, "\n# TYPE {family} {}", kind.name()).expect("a string takes any text");
        sample_name.to_owned()
    }

    /// Writes one line. `extra` is a label of the format itself, such as `le`.
    fn sample(
        &mut self,
        name: &str,
        suffix: &str,
        labels: Labels<'_>,
        extra: Option<(&str, &str)>,
        value: Number,
    ) {
        self.text.push_str(name);
        self.text.push_str(suffix);
        let mut separator = '{';
        for (label, text) in labels.iter().copied().chain(extra) {
            assert!(is_label_name(label), "no name of a label: {label:?}");
            self.text.push(separator);
            self.text.push_str(label);
            self.text.push_str("=\"");
            push_escaped(&mut self.text, text, true);
            self.text.push('"');
            separator = ',';
        }
        if separator == ',' {
            self.text.push('}');
        }
        writeln!(self.text, " {value}").expect("a string takes any text");
    }
}

/// The samples of a counter.
#[derive(Debug)]
pub struct CounterFamily<'a> {
    text: &'a mut MetricsText,
    name: String,
}

impl CounterFamily<'_> {
    /// Adds the counter with these labels.
    pub fn add(&mut self, labels: Labels<'_>, value: impl Into<Number>) -> &mut Self {
        self.text.sample(&self.name, "", labels, None, value.into());
        self
    }
}

/// The samples of a gauge.
#[derive(Debug)]
pub struct GaugeFamily<'a> {
    text: &'a mut MetricsText,
    name: String,
}

impl GaugeFamily<'_> {
    /// Adds the gauge with these labels.
    pub fn add(&mut self, labels: Labels<'_>, value: impl Into<Number>) -> &mut Self {
        self.text.sample(&self.name, "", labels, None, value.into());
        self
    }
}

/// The samples of a histogram.
#[derive(Debug)]
pub struct HistogramFamily<'a> {
    text: &'a mut MetricsText,
    name: String,
}

impl HistogramFamily<'_> {
    /// Adds the histogram with these labels. `buckets` are upper bounds, ascending and finite, each
    /// with how many values are not above it but above the bound before it; `count` and `sum` are
    /// of all values, those above the last bound included.
    pub fn add(
        &mut self,
        labels: Labels<'_>,
        buckets: &[(f64, u64)],
        count: u64,
        sum: impl Into<Number>,
    ) -> &mut Self {
        let ascends = buckets.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let is_finite = buckets.iter().all(|(bound, _)| bound.is_finite());
        assert!(ascends && is_finite, "the bounds of {} are ascending and finite", self.name);
        let mut below = 0;
        for (bound, values) in buckets {
            below += values;
            let bound = Number::Float(*bound).to_string();
            let le = Some(("le", bound.as_str()));
            self.text.sample(&self.name, "_bucket", labels, le, below.into());
        }
        assert!(below <= count, "the buckets of {} hold no more than all values", self.name);
        self.text.sample(&self.name, "_bucket", labels, Some(("le", "+Inf")), count.into());
        self.text.sample(&self.name, "_sum", labels, None, sum.into());
        self.text.sample(&self.name, "_count", labels, None, count.into());
        self
    }
}

/// The samples of a summary.
#[derive(Debug)]
pub struct SummaryFamily<'a> {
    text: &'a mut MetricsText,
    name: String,
}

impl SummaryFamily<'_> {
    /// Adds the summary with these labels. `quantiles` lie from 0 to 1, each with its value.
    pub fn add(
        &mut self,
        labels: Labels<'_>,
        quantiles: &[(f64, Number)],
        count: u64,
        sum: impl Into<Number>,
    ) -> &mut Self {
        for (quantile, value) in quantiles {
            assert!((0.0..=1.0).contains(quantile), "a quantile lies from 0 to 1, not {quantile}");
            let quantile = Number::Float(*quantile).to_string();
            let label = Some(("quantile", quantile.as_str()));
            self.text.sample(&self.name, "", labels, label, *value);
        }
        self.text.sample(&self.name, "_sum", labels, None, sum.into());
        self.text.sample(&self.name, "_count", labels, None, count.into());
        self
    }
}

fn push_escaped(text: &mut String, raw: &str, escape_quotes: bool) {
    for character in raw.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '"' if escape_quotes => text.push_str("\\\""),
            other => text.push(other),
        }
    }
}

fn is_metric_name(name: &str) -> bool {
    is_name(name, |byte| matches!(byte, b'_' | b':'))
}

fn is_label_name(name: &str) -> bool {
    is_name(name, |byte| byte == b'_')
}

/// Letters, digits and some others, and no digit first.
fn is_name(name: &str, is_other: impl Fn(u8) -> bool) -> bool {
    name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || is_other(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(format: Format, write: impl Fn(&mut MetricsText), lines: &[&str]) {
        let mut text = MetricsText::new(format);
        write(&mut text);
        let expected: String = lines.iter().flat_map(|line| [*line, "\n"]).collect();
        assert_eq!(text.finish(), expected);
    }

    fn appends(text: &mut MetricsText) {
        let mut appends = text.counter("corelog_appends", "Batches that were \"appended\".");
        appends.add(&[("core", "0")], 7_u64).add(&[("core", "1"), ("topic", "a")], u64::MAX);
    }

    #[test]
    fn a_counter_is_named_as_its_format_demands() {
        check(
            Format::OpenMetrics,
            appends,
            &[
                r#"# HELP corelog_appends Batches that were \"appended\"."#,
                "# TYPE corelog_appends counter",
                r#"corelog_appends_total{core="0"} 7"#,
                r#"corelog_appends_total{core="1",topic="a"} 18446744073709551615"#,
                "# EOF",
            ],
        );
        check(
            Format::Prometheus,
            appends,
            &[
                r#"# HELP corelog_appends_total Batches that were "appended"."#,
                "# TYPE corelog_appends_total counter",
                r#"corelog_appends_total{core="0"} 7"#,
                r#"corelog_appends_total{core="1",topic="a"} 18446744073709551615"#,
            ],
        );
    }

    #[test]
    fn a_gauge_goes_below_zero_and_needs_no_labels() {
        check(
            Format::Prometheus,
            |text| {
                text.gauge("lag", "Behind.").add(&[], -3_i64).add(&[], 0.25).add(&[], 4_usize);
            },
            &["# HELP lag Behind.", "# TYPE lag gauge", "lag -3", "lag 0.25", "lag 4"],
        );
    }

    #[test]
    fn buckets_of_a_histogram_add_up() {
        check(
            Format::OpenMetrics,
            |text| {
                let buckets = [(0.001, 2), (0.5, 0), (2.0, 3)];
                text.histogram("wait_seconds", "Waits.").add(&[("api", "Fetch")], &buckets, 6, 9.5);
            },
            &[
                "# HELP wait_seconds Waits.",
                "# TYPE wait_seconds histogram",
                r#"wait_seconds_bucket{api="Fetch",le="0.001"} 2"#,
                r#"wait_seconds_bucket{api="Fetch",le="0.5"} 2"#,
                r#"wait_seconds_bucket{api="Fetch",le="2.0"} 5"#,
                r#"wait_seconds_bucket{api="Fetch",le="+Inf"} 6"#,
                r#"wait_seconds_sum{api="Fetch"} 9.5"#,
                r#"wait_seconds_count{api="Fetch"} 6"#,
                "# EOF",
            ],
        );
    }

    #[test]
    fn a_histogram_without_bounds_still_counts() {
        check(
            Format::Prometheus,
            |text| {
                text.histogram("w", "W.").add(&[], &[], 0, 0_u64);
            },
            &[
                "# HELP w W.",
                "# TYPE w histogram",
                r#"w_bucket{le="+Inf"} 0"#,
                "w_sum 0",
                "w_count 0",
            ],
        );
    }

    #[test]
    fn a_summary_has_its_quantiles() {
        check(
            Format::Prometheus,
            |text| {
                let quantiles = [(0.5, 0.001.into()), (0.999, f64::NAN.into())];
                text.summary("sync_seconds", "Syncs.").add(&[("core", "3")], &quantiles, 2, 0.5);
            },
            &[
                "# HELP sync_seconds Syncs.",
                "# TYPE sync_seconds summary",
                r#"sync_seconds{core="3",quantile="0.5"} 0.001"#,
                r#"sync_seconds{core="3",quantile="0.999"} NaN"#,
                r#"sync_seconds_sum{core="3"} 0.5"#,
                r#"sync_seconds_count{core="3"} 2"#,
            ],
        );
    }

    #[test]
    fn what_would_break_a_line_is_escaped() {
        check(
            Format::Prometheus,
            |text| {
                text.gauge("g", "C:\\ \"x\"\ny").add(&[("path", "C:\\ \"x\"\nü")], 1_u64);
            },
            &[r#"# HELP g C:\\ "x"\ny"#, "# TYPE g gauge", r#"g{path="C:\\ \"x\"\nü"} 1"#],
        );
    }

    #[test]
    fn numbers_are_written_exactly() {
        for (number, text) in [
            (Number::from(u64::MAX), "18446744073709551615"),
            (Number::from(i64::MIN), "-9223372036854775808"),
            (Number::from(1.0), "1.0"),
            (Number::from(0.1), "0.1"),
            (Number::from(1e300), "1e300"),
            (Number::from(f64::INFINITY), "+Inf"),
            (Number::from(f64::NEG_INFINITY), "-Inf"),
            (Number::from(f64::NAN), "NaN"),
            (Number::from(3_u32), "3"),
        ] {
            assert_eq!(number.to_string(), text);
        }
    }

    #[test]
    fn a_scraper_gets_the_format_it_accepts() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2";
        assert_eq!(Format::accepted(Some(prometheus)), Format::OpenMetrics);
        for accept in [None, Some("*/*"), Some("text/plain")] {
            assert_eq!(Format::accepted(accept), Format::Prometheus);
        }
        assert!(Format::OpenMetrics.content_type().contains("version=1.0.0"));
        assert!(Format::Prometheus.content_type().contains("version=0.0.4"));
    }

    #[test]
    fn an_empty_text_is_valid() {
        check(Format::OpenMetrics, |_| (), &["# EOF"]);
        check(Format::Prometheus, |_| (), &[]);
    }

    #[test]
    #[should_panic(expected = "no name of a metric")]
    fn a_metric_with_a_bad_name_is_our_bug() {
        let _ = MetricsText::new(Format::Prometheus).gauge("corelog-lag", "");
    }

    #[test]
    #[should_panic(expected = "lag is begun twice")]
    fn a_metric_that_is_begun_twice_is_our_bug() {
        let mut text = MetricsText::new(Format::OpenMetrics);
        text.gauge("lag", "").add(&[], 1_u64);
        let _ = text.gauge("lag", "");
    }

    #[test]
    #[should_panic(expected = "no name of a label")]
    fn a_label_with_a_bad_name_is_our_bug() {
        MetricsText::new(Format::Prometheus).gauge("lag", "").add(&[("1st", "")], 1_u64);
    }

    #[test]
    #[should_panic(expected = "ascending and finite")]
    fn bounds_that_descend_are_our_bug() {
        let buckets = [(2.0, 1), (1.0, 1)];
        MetricsText::new(Format::Prometheus).histogram("h", "").add(&[], &buckets, 2, 1.0);
    }
}
