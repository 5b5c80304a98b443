//! The page of a sizing: how many machines, what binds first, what is left, and what each further
//! machine brings.

use crate::plan::demand::Demand;
use crate::plan::model::Resource;
use crate::plan::size::{Need, Sizing};
use crate::report::{
    Axis, Bar, Bars, Chart, Column, Grade, Item, KeyNumber, Limit, Page, Section, Series, Style,
    Table, Unit, Verdict,
};

/// The page of a sizing for one or more kinds of machines.
pub fn size_page(demand: &Demand, sizings: &[Sizing]) -> Page {
    let rate = Unit::Messages.format(demand.messages_per_second);
    let size = Unit::Bytes.format(demand.message_bytes);
    Page {
        title: format!("Machines for {rate} of {size}"),
        verdict: verdict(demand, sizings),
        facts: facts(demand),
        sections: sizings.iter().map(|sizing| section(demand, sizing)).collect(),
    }
}

fn verdict(demand: &Demand, sizings: &[Sizing]) -> Verdict {
    let enough = sizings.iter().filter_map(|sizing| Some((sizing.brokers?, sizing)));
    let Some((brokers, best)) = enough.min_by_key(|(brokers, _)| *brokers) else {
        let short = sizings.first().and_then(|sizing| sizing.needs.first());
        let short = short.map_or("", |need| need.resource.label());
        return Verdict {
            grade: Grade::Bad,
            answer: None,
            headline: format!("No number of these machines is enough: {short} is short."),
            numbers: Vec::new(),
        };
    };
    let binds = best.needs.iter().find(|need| need.resource != Resource::Replication);
    let (word, cores) = (if brokers == 1 { "broker" } else { "brokers" }, best.cores_used);
    let binds = binds.map_or(String::new(), |need| {
        let (what, free) = (need.resource.label(), (1.0 - need.part) * 100.0);
        format!(": {what} binds first, {free:.0} % of it is free")
    });
    let lost = match demand.machines_lost {
        0 => String::new(),
        lost => format!(" when {lost} of them are lost"),
    };
    let number = |value: String, label: &str| KeyNumber { value, label: label.to_owned() };
    let mut numbers = vec![
        number(brokers.to_string(), word),
        number(cores.to_string(), "cores needed on each"),
        number(Unit::Bytes.format(best.stored_bytes), "stored, all copies"),
    ];
    if let Some(core) = &best.core {
        numbers.push(number(Unit::Seconds.format(core.p99_s), "p99 of produce, predicted"));
    }
    let name = &best.name;
    let headline = format!("{brokers} {word} like {name}{binds}{lost}.");
    Verdict { grade: Grade::Good, answer: None, headline, numbers }
}

fn facts(demand: &Demand) -> Vec<(String, String)> {
    let fact = |name: &str, value: String| (name.to_owned(), value);
    let percent = |part: f64| Unit::Percent.format(part * 100.0);
    let years = demand.years;
    let grown = Unit::Messages.format(demand.grown_messages_per_second());
    let objective = demand.p99_max_s.map_or("none".to_owned(), |it| Unit::Seconds.format(it));
    vec![
        fact("Rate, grown", format!("{grown} after {years} years")),
        fact("Retention", format!("{:.1} days", demand.retention_s / 86_400.0)),
        fact("Copies", demand.replication.to_string()),
        fact("Groups of consumers", format!("{:.0}", demand.fan_out)),
        fact("Partitions", format!("{:.0}", demand.partitions)),
        fact("Compression", Unit::Ratio.format(demand.compression_ratio)),
        fact("p99 below", objective),
        fact("Machines that may be lost", demand.machines_lost.to_string()),
        fact("Head-room asked for", percent(demand.head_room)),
    ]
}

fn section(demand: &Demand, sizing: &Sizing) -> Section {
    let mut items = vec![Item::Bars(bars(demand, sizing)), Item::Table(needs(sizing))];
    if sizing.steps.len() > 1 {
        items.push(Item::Chart(steps(demand, sizing)));
    }
    items.push(Item::Table(step_table(sizing)));
    items.extend(sizing.notes.iter().map(|note| Item::Note(note.clone())));
    let hardware = &sizing.hardware;
    let text = format!(
        "One broker has {} cores, {} x {} of disk and {} of memory.",
        hardware.cores,
        hardware.disks,
        Unit::Bytes.format(hardware.disk_bytes),
        Unit::Bytes.format(hardware.memory_bytes)
    );
    Section { title: sizing.name.clone(), text, items }
}

fn bars(demand: &Demand, sizing: &Sizing) -> Bars {
    let judged = sizing.needs.iter().filter(|need| need.resource != Resource::Replication);
    let bar = |need: &Need| Bar::new(need.resource.label(), need.part * 100.0, None);
    let value = (1.0 - demand.head_room) * 100.0;
    Bars {
        title: format!("Use of one broker of {}", sizing.name),
        label: "in use at the busiest time".to_owned(),
        unit: Unit::Percent,
        bars: judged.map(bar).collect(),
        limits: vec![Limit { value, label: "head-room begins".to_owned() }],
    }
}

fn needs(sizing: &Sizing) -> Table {
    let amount = |resource: Resource, amount: f64| match resource {
        Resource::Cpu | Resource::Journal | Resource::Clients | Resource::Latency => {
            Unit::Messages.format(amount)
        }
        Resource::DiskBandwidth | Resource::Network => Unit::Throughput.format(amount),
        Resource::DiskSyncs => format!("{} /s", Unit::Count.format(amount)),
        Resource::DiskSpace | Resource::Memory => Unit::Bytes.format(amount),
        Resource::Replication => format!("{amount:.0} machines"),
    };
    let row = |need: &Need| {
        vec![
            need.resource.label().to_owned(),
            amount(need.resource, need.asked),
            amount(need.resource, need.there),
            Unit::Percent.format(need.part * 100.0),
        ]
    };
    let number = |name: &str| Column::Number(name.to_owned());
    Table {
        title: "One broker, when the machines that may be lost are lost".to_owned(),
        columns: vec![
            Column::Text("resource".to_owned()),
            number("asked for"),
            number("there is"),
            number("in use"),
        ],
        rows: sizing.needs.iter().map(row).collect(),
    }
}

fn steps(demand: &Demand, sizing: &Sizing) -> Chart {
    let point =
        |step: &crate::plan::size::FurtherStep| (f64::from(step.brokers), step.messages_per_second);
    let points = sizing.steps.iter().map(point).collect();
    let mut chart = Chart::new(
        &format!("What further brokers like {} carry", sizing.name),
        Axis::linear("Brokers", Unit::Count),
        Axis::linear("Messages", Unit::Messages),
        vec![Series::new("carried", Style::Line, points)],
    );
    let value = demand.grown_messages_per_second();
    chart.limits.push(Limit { value, label: "asked for".to_owned() });
    chart
}

fn step_table(sizing: &Sizing) -> Table {
    let row = |step: &crate::plan::size::FurtherStep| {
        let gained = match step.gained_per_second {
            gained if gained > 0.0 => Unit::Messages.format(gained),
            _ => "-".to_owned(),
        };
        vec![
            step.brokers.to_string(),
            Unit::Messages.format(step.messages_per_second),
            gained,
            step.binding.label().to_owned(),
        ]
    };
    let number = |name: &str| Column::Number(name.to_owned());
    Table {
        title: "What each further broker brings".to_owned(),
        columns: vec![
            number("brokers"),
            number("carry"),
            number("gained"),
            Column::Text("then binds".to_owned()),
        ],
        rows: sizing.steps.iter().map(row).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::demand::tests::demand;
    use crate::plan::profile::tests::profile;
    use crate::plan::size::{Hardware, size};

    fn page(demand: &Demand) -> Page {
        let profile = profile();
        let sizing = size(&profile, &Hardware::of(&profile), demand).unwrap();
        size_page(demand, &[sizing])
    }

    #[test]
    fn a_sizing_is_drawn_and_the_number_of_machines_stands_on_top() {
        let page = page(&demand());
        page.html().unwrap();
        assert_eq!(page.verdict.numbers[0].value, "48");
        assert!(page.verdict.headline.starts_with("48 brokers like host: disk space binds first"));
    }

    #[test]
    fn what_does_not_fit_says_what_is_short() {
        let page = page(&Demand { p99_max_s: Some(1e-6), ..demand() });
        page.html().unwrap();
        assert_eq!(page.verdict.grade, Grade::Bad);
        assert!(page.verdict.headline.contains("the latency asked for is short"));
    }
}
