//! Claims about reports as their readers see them: drawings that do not change by accident, text
//! that is never markup, and data that is refused.

#![allow(clippy::unwrap_used, reason = "the functions that tests share may panic like tests")]

use std::fs;
use std::path::Path;

use corelog_bench::report::{
    Axis, Bar, Bars, Chart, Column, Grade, Item, KeyNumber, Limit, Mark, Page, Refusal, Scale,
    Section, Series, Settings, Span, Style, Table, Unit, Verdict, WriteError, write,
};

/// Compares a drawing with the committed one. With REPORT_BLESS set it becomes the committed one,
/// to be looked at before the commit.
#[track_caller]
fn check_drawing(name: &str, drawing: &str) {
    // The style sheet is the same in all of them.
    let (head, rest) = drawing.split_once("<style>").expect("a style sheet");
    let (_, body) = rest.split_once("</style>\n").expect("the end of the style sheet");
    let drawing = format!("{head}{body}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/drawings").join(name);
    if std::env::var_os("REPORT_BLESS").is_some() {
        fs::write(&path, &drawing).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap();
    assert!(drawing == committed, "{name} changed:\n{drawing}");
}

fn chart(series: Vec<Series>) -> Chart {
    let x = Axis::linear("Time", Unit::Elapsed);
    Chart::new("Latency", x, Axis::log("Latency", Unit::Seconds), series)
}

fn line(points: &[(f64, f64)]) -> Series {
    Series::new("p99", Style::Line, points.to_vec())
}

fn page(items: Vec<Item>) -> Page {
    Page {
        title: "A page".into(),
        verdict: Verdict {
            grade: Grade::Mixed,
            answer: None,
            headline: "It depends.".into(),
            numbers: vec![KeyNumber { value: "2 ms".into(), label: "p99".into() }],
        },
        facts: vec![("acks".into(), "all".into())],
        sections: vec![Section { title: "All".into(), text: "Some text.".into(), items }],
    }
}

fn percentile_chart() -> Chart {
    let points = [(0.0, 0.0004), (50.0, 0.0006), (90.0, 0.001), (99.0, 0.003), (100.0, 0.02)];
    let series = vec![
        Series::new("corelog", Style::Steps, points.to_vec()),
        Series::new("other", Style::Line, points.map(|(x, y)| (x, y * 3.0)).to_vec()),
    ];
    let y = Axis::log("Latency", Unit::Seconds);
    let mut chart = Chart::new("Percentiles", Axis::percentiles(), y, series);
    chart.limits = vec![Limit { value: 0.01, label: "objective: 10 ms".into() }];
    chart
}

fn bars() -> Bars {
    Bars {
        title: "Ratio".into(),
        label: "Other = 1".into(),
        unit: Unit::Ratio,
        bars: vec![Bar::new("load", 4.39, Some((4.1, 4.6))), Bar::new("fetch", 0.9, None)],
        limits: vec![Limit { value: 1.0, label: "equal".into() }],
    }
}

#[test]
fn percentiles_are_drawn_as_committed() {
    check_drawing("percentiles.svg", &percentile_chart().svg().unwrap());
}

#[test]
fn marks_dots_and_guides_are_drawn_as_committed() {
    let mut chart = chart(vec![
        Series::new("p99", Style::Dots, vec![(0.0, 0.001), (5.0, 0.04), (10.0, 0.002)]),
        Series::new("expected", Style::Guide, vec![(0.0, 0.002), (10.0, 0.002)]),
    ]);
    chart.marks = vec![
        Mark { span: Span::Range(4.0, 6.0), label: "stall".into() },
        Mark { span: Span::At(8.0), label: "leader moved".into() },
    ];
    check_drawing("marks.svg", &chart.svg().unwrap());
}

#[test]
fn bars_are_drawn_as_committed() {
    check_drawing("bars.svg", &bars().svg().unwrap());
}

#[test]
fn a_chart_without_points_says_so() {
    for series in [vec![], vec![line(&[])]] {
        check_drawing_has(&chart(series), ">no data</text>");
    }
    let empty = Bars { bars: vec![], ..bars() };
    assert!(empty.svg().unwrap().contains(">no data</text>"));
}

#[test]
fn a_single_point_is_seen() {
    for style in [Style::Line, Style::Steps, Style::Dots] {
        let one = Series::new("one", style, vec![(3.0, 0.001)]);
        check_drawing_has(&chart(vec![one]), "<circle class=\"dot s0\"");
    }
}

#[track_caller]
fn check_drawing_has(chart: &Chart, part: &str) {
    let drawing = chart.svg().unwrap();
    assert!(drawing.contains(part), "{drawing}");
    assert!(chart.png().unwrap().starts_with(b"\x89PNG"));
}

#[test]
fn series_beyond_the_eighth_are_grey_and_have_no_name() {
    let series = (0..10).map(|index| {
        let points = vec![(0.0, 0.001), (1.0, 0.001 * f64::from(index + 1))];
        Series::new(&format!("series {index}"), Style::Line, points)
    });
    let drawing = chart(series.collect()).svg().unwrap();
    assert!(drawing.contains(">series 7</text>"));
    assert!(!drawing.contains(">series 8</text>"));
    assert_eq!(drawing.matches("class=\"more\"").count(), 2);
}

#[test]
fn text_is_never_markup_wherever_it_stands() {
    let evil = "<script>alert('x')</script>&\"\u{1b}";
    let mut chart = percentile_chart();
    chart.title = evil.into();
    chart.x.label = evil.into();
    chart.y.label = evil.into();
    chart.series[0].name = evil.into();
    chart.limits[0].label = evil.into();
    chart.marks = vec![
        Mark { span: Span::Range(10.0, 60.0), label: evil.into() },
        Mark { span: Span::At(20.0), label: evil.into() },
        Mark { span: Span::At(30.0), label: evil.into() },
    ];
    let mut evil_bars = bars();
    evil_bars.bars[0].name = evil.into();
    evil_bars.label = evil.into();
    assert!(chart.png().unwrap().starts_with(b"\x89PNG"));
    let table = Table {
        title: evil.into(),
        columns: vec![Column::Text(evil.into()), Column::Number(evil.into())],
        rows: vec![vec![evil.into(), evil.into()]],
    };
    let settings = Settings {
        title: evil.into(),
        columns: vec![evil.into()],
        different: vec![(evil.into(), vec![Some(evil.into())])],
        equal: vec![(evil.into(), evil.into())],
    };
    let mut page = page(vec![
        Item::Chart(chart),
        Item::Bars(evil_bars),
        Item::Table(table),
        Item::Settings(settings),
        Item::Note(evil.into()),
    ]);
    page.title = evil.into();
    page.verdict.answer = Some(evil.into());
    page.verdict.headline = evil.into();
    page.verdict.numbers[0].label = evil.into();
    page.verdict.numbers[0].value = evil.into();
    page.facts = vec![(evil.into(), evil.into())];
    page.sections[0].title = evil.into();
    page.sections[0].text = evil.into();
    let html = page.html().unwrap();
    assert!(!html.contains("<script"), "a script has got in");
    assert!(!html.contains('\u{1b}'));
    assert!(html.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&quot;"));
}

#[test]
fn a_page_needs_no_network() {
    let html = page(vec![Item::Chart(percentile_chart()), Item::Bars(bars())]).html().unwrap();
    let outside = html.replace("http://www.w3.org/2000/svg", "");
    for word in ["http:", "https:", "<script", "<link", "@import", "<img"] {
        assert!(!outside.contains(word), "{word}");
    }
    assert!(html.contains("prefers-color-scheme:dark"));
    assert!(html.contains("href=\"01-percentiles.png\""));
    assert!(html.contains("href=\"02-ratio.csv\""));
}

#[track_caller]
fn check_refused(chart: &Chart, is_expected: impl Fn(&Refusal) -> bool) {
    let refusal = chart.check().unwrap_err();
    assert!(is_expected(&refusal), "{refusal}");
    assert_eq!(
        page(vec![Item::Chart(chart.clone())]).html().unwrap_err().to_string(),
        refusal.to_string()
    );
}

#[test]
fn numbers_that_are_none_are_refused_everywhere() {
    let is_not_finite = |refusal: &Refusal| matches!(refusal, Refusal::NotFinite { .. });
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e16] {
        check_refused(&chart(vec![line(&[(value, 1.0)])]), is_not_finite);
        check_refused(&chart(vec![line(&[(0.0, 1.0), (1.0, value)])]), is_not_finite);
        let mut marked = chart(vec![]);
        marked.marks = vec![Mark { span: Span::At(value), label: "stall".into() }];
        check_refused(&marked, is_not_finite);
        let mut limited = chart(vec![]);
        limited.limits = vec![Limit { value, label: "objective".into() }];
        check_refused(&limited, is_not_finite);
        for spread in [None, Some((value, 1.0)), Some((1.0, value))] {
            let value = if spread.is_none() { value } else { 1.0 };
            let bars = Bars { bars: vec![Bar::new("a", value, spread)], ..bars() };
            assert!(is_not_finite(&bars.check().unwrap_err()));
        }
    }
}

#[test]
fn values_off_their_scale_are_refused() {
    for y in [0.0, -1.0] {
        check_refused(&chart(vec![line(&[(0.0, y)])]), |refusal| {
            matches!(refusal, Refusal::OffScale { scale: Scale::Log, .. })
        });
    }
    for percentile in [-0.1, 100.1] {
        let mut chart = chart(vec![line(&[(percentile, 1.0)])]);
        chart.x = Axis::percentiles();
        check_refused(&chart, |refusal| {
            matches!(refusal, Refusal::OffScale { scale: Scale::Percentile, .. })
        });
    }
}

#[test]
fn what_ends_before_it_begins_is_refused() {
    let mut chart = chart(vec![]);
    chart.marks = vec![Mark { span: Span::Range(2.0, 1.0), label: "stall".into() }];
    check_refused(&chart, |refusal| matches!(refusal, Refusal::Reversed { .. }));
    for spread in [(2.0, 3.0), (0.1, 0.5), (2.0, 0.5)] {
        let bars = Bars { bars: vec![Bar::new("a", 1.0, Some(spread))], ..bars() };
        assert!(matches!(bars.check(), Err(Refusal::Reversed { .. })));
    }
}

#[test]
fn names_that_are_the_same_and_too_much_of_anything_are_refused() {
    check_refused(&chart(vec![line(&[]), line(&[])]), |refusal| {
        *refusal == Refusal::SameName { chart: "Latency".into(), name: "p99".into() }
    });
    let series = (0..257).map(|index| Series::new(&index.to_string(), Style::Line, vec![]));
    check_refused(&chart(series.collect()), |refusal| {
        matches!(refusal, Refusal::TooMany { count: 257, count_max: 256, .. })
    });
    let columns = vec![Column::Text("one".into())];
    let rows = vec![vec!["1".into()], vec!["1".into(), "2".into()]];
    let table = Table { title: "T".into(), columns, rows };
    let ragged = Refusal::Ragged { table: "T".into(), row: 1, cells: 2, columns: 1 };
    assert_eq!(table.check(), Err(ragged.clone()));
    let columns = vec!["one".into()];
    let different = vec![("a".into(), vec![None]), ("b".into(), vec![None, None])];
    let settings = Settings { title: "T".into(), columns, different, equal: vec![] };
    assert_eq!(settings.check(), Err(ragged));
}

#[test]
fn every_grade_is_a_word() {
    for (grade, word) in [
        (Grade::Good, "</svg>Good</p>"),
        (Grade::Mixed, "</svg>Mixed</p>"),
        (Grade::Bad, "</svg>Bad</p>"),
        (Grade::Invalid, "</svg>Invalid</p>"),
    ] {
        let mut page = page(vec![]);
        page.verdict.grade = grade;
        assert!(page.html().unwrap().contains(word));
    }
}

#[test]
fn a_chart_comes_back_from_its_csv_exactly() {
    let series = vec![
        Series::new("a, \"b\"\nc", Style::Line, vec![(0.1 + 0.2, 1e-7), (1e15, 1.0 / 3.0)]),
        Series::new("plain", Style::Dots, vec![(-0.0, 123_456.789)]),
    ];
    let chart = chart(series);
    let text = chart.csv();
    assert!(text.starts_with("series,Time [s],Latency [s]\n"), "{text}");
    let mut read: Vec<Series> = Vec::new();
    for row in csv::Reader::from_reader(text.as_bytes()).records() {
        let row = row.unwrap();
        let point: (f64, f64) = (row[1].parse().unwrap(), row[2].parse().unwrap());
        match read.last_mut() {
            Some(last) if last.name == row[0] => last.points.push(point),
            _ => read.push(Series::new(&row[0], Style::Line, vec![point])),
        }
    }
    for (read, series) in read.iter().zip(&chart.series) {
        assert_eq!((&read.name, &read.points), (&series.name, &series.points));
    }
    assert_eq!(read.len(), chart.series.len());
}

#[test]
fn bars_are_written_with_their_spread() {
    let text = "name,Other = 1,low,high\nload,4.39,4.1,4.6\nfetch,0.9,,\n";
    assert_eq!(bars().csv(), text);
}

#[test]
fn a_folder_holds_the_page_and_its_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let page = page(vec![
        Item::Chart(percentile_chart()),
        Item::Note("A note.".into()),
        Item::Bars(bars()),
    ]);
    let path = write(&page, &folder.path().join("deep/er")).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), page.html().unwrap());
    let entries = fs::read_dir(path.parent().unwrap()).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let pictures = ["01-percentiles.csv", "01-percentiles.png", "02-ratio.csv", "02-ratio.png"];
    assert_eq!(names, [&pictures[..], &["report.html"]].concat());
}

#[test]
fn nothing_is_written_when_the_data_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let bad = chart(vec![line(&[(0.0, f64::NAN)])]);
    let error = write(&page(vec![Item::Chart(bad)]), folder.path()).unwrap_err();
    assert!(matches!(error, WriteError::Refused(_)), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
