//! Drawing what is seen.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph, Row, Table, Widget};
use serde_json::Value;

use super::look::Look;
use crate::shell::actors::{ENTITIES, TENANTS, busy};
use crate::shell::cluster::{ATTENTION, WORKS, attention, list, members};
use crate::shell::readable::{bytes, readable};
use crate::shell::table::{lookup, text};

/// What the lower half shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tab {
    Entities,
    Tenants,
    Partitions,
}

impl Tab {
    pub(super) fn next(self) -> Self {
        match self {
            Self::Entities => Self::Tenants,
            Self::Tenants => Self::Partitions,
            Self::Partitions => Self::Entities,
        }
    }
}

/// The screen's state.
#[derive(Debug)]
pub(super) struct View {
    pub(super) tab: Tab,
    pub(super) paused: bool,
    pub(super) every: Duration,
    url: String,
    look: Look,
    looked: bool,
}

type Columns = [(&'static str, &'static str)];

const NODES: &Columns = &[
    ("NODE", "node"),
    ("ZONE", "zone"),
    ("STATUS", "state"),
    ("LEADS", "leads"),
    ("REPLICAS", "replicas"),
    ("SIZE", "size"),
    ("ACTIVE", "active_all"),
    ("CMD/S", "/waits/commands_per_s"),
    ("UNDER WAY", "under_way"),
    ("MAILBOX P50/P99", "mailbox"),
    ("COMMIT P50/P99", "commit"),
];
const PARTITIONS: &Columns = &[
    ("PARTITION", "group"),
    ("LEADER", "leader"),
    ("TERM", "term"),
    ("LAST", "last"),
    ("SIZE", "size"),
    ("VOTERS", "voters"),
    ("LEARNERS", "learners"),
    ("BEHIND", "lag"),
];

impl View {
    pub(super) fn new(url: &str, every: Duration) -> Self {
        Self {
            tab: Tab::Entities,
            paused: false,
            every,
            url: url.to_owned(),
            look: Look::default(),
            looked: false,
        }
    }

    /// Shows a new look. What could not be seen this time stays as it was.
    pub(super) fn show(&mut self, mut look: Look) {
        if look.cluster.is_null() {
            look.cluster = self.look.cluster.take();
        }
        if look.top.is_null() {
            look.top = self.look.top.take();
        }
        self.look = look;
        self.looked = true;
    }
}

/// Draws everything.
pub(super) fn draw(view: &View, area: Rect, buffer: &mut Buffer) {
    let (cluster, top) = (&view.look.cluster, &view.look.top);
    let nodes = nodes(cluster, top);
    let attention = attention(cluster);
    let mut works = cluster["works"].clone();
    readable(&mut works);
    let works = list(&works);
    let error = view.look.error.as_ref().map_or(0, Vec::len);
    let high =
        |rows: usize| if rows == 0 { 0 } else { u16::try_from(rows + 2).unwrap_or(u16::MAX) };
    let parts = Layout::vertical([
        Constraint::Length(3),
        Constraint::Length(u16::try_from(error).unwrap_or(u16::MAX)),
        Constraint::Length(high(nodes.len()).min(area.height / 2)),
        Constraint::Length(high(attention.len()).min(8)),
        Constraint::Length(high(works.len()).min(8)),
        Constraint::Fill(1),
    ])
    .split(area);
    head(view, &nodes, parts[0], buffer);
    if let Some(error) = &view.look.error {
        let lines: Vec<Line<'_>> = error.iter().map(|line| Line::raw(line.as_str())).collect();
        Paragraph::new(lines).style(Style::new().fg(Color::Red)).render(parts[1], buffer);
    }
    table("nodes", NODES, &nodes, parts[2], buffer);
    table("needs attention", ATTENTION, &attention, parts[3], buffer);
    table("under way", WORKS, &works, parts[4], buffer);
    match view.tab {
        Tab::Entities => {
            table("hottest entities", ENTITIES, &busy(top, "entities"), parts[5], buffer);
        }
        Tab::Tenants => {
            table("hottest tenants", TENANTS, &busy(top, "tenants"), parts[5], buffer);
        }
        Tab::Partitions => table("partitions", PARTITIONS, &groups(cluster), parts[5], buffer),
    }
}

fn head(view: &View, nodes: &[Value], area: Rect, buffer: &mut Buffer) {
    let (cluster, look) = (&view.look.cluster, &view.look);
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let title = vec![
        Span::styled("impresario top  ", bold),
        Span::raw(format!("{}  {}  {}  ", text(&cluster["cluster"]), view.url, look.at)),
        Span::raw(pace(view)),
    ];
    let (well, color) = summary(cluster, nodes);
    let well = if view.looked { well } else { "asking …".to_owned() };
    Paragraph::new(vec![Line::from(title), Line::styled(well, Style::new().fg(color))])
        .render(area, buffer);
}

fn pace(view: &View) -> String {
    if view.paused {
        "paused (p goes on, q ends)".to_owned()
    } else if view.every.is_zero() {
        String::new()
    } else {
        format!("every {} s (q ends, p pauses, tab, + -)", view.every.as_secs_f64())
    }
}

fn summary(cluster: &Value, nodes: &[Value]) -> (String, Color) {
    let groups = list(&cluster["groups"]);
    let led = groups.iter().filter(|group| !group["leader"].is_null()).count();
    let alive = nodes.iter().filter(|node| node["alive"] == true).count();
    let rate: f64 =
        nodes.iter().filter_map(|node| lookup(node, "/waits/commands_per_s").as_f64()).sum();
    let well = led == groups.len() && alive == nodes.len();
    let text = format!(
        "{alive} of {} nodes answer, {led} of {} partitions are led, {rate:.1} commands/s, {} moves under way",
        nodes.len(),
        groups.len(),
        list(&cluster["works"]).len(),
    );
    (text, if well { Color::Green } else { Color::Red })
}

/// Members with what is going on on them.
fn nodes(cluster: &Value, top: &Value) -> Vec<Value> {
    let busy = busy(top, "nodes");
    let mut rows = members(cluster);
    for row in &mut rows {
        row["size"] = bytes(row["bytes"].as_u64().unwrap_or(0)).into();
        let status = text(&row["status"]);
        row["state"] =
            if row["alive"] == true { status } else { format!("{status}, SILENT") }.into();
        readable(row);
        if let Some(more) = busy.iter().find(|more| more["node"] == row["node"]) {
            for name in ["active_all", "under_way", "waits"] {
                row[name] = more[name].clone();
            }
            for name in ["mailbox", "commit"] {
                row[name] = waits(&more["waits"][format!("{name}_ms")]).into();
            }
        }
    }
    rows
}

fn waits(wait: &Value) -> String {
    match (wait["p50"].as_f64(), wait["p99"].as_f64()) {
        (Some(half), Some(most)) => format!("{half:.1}/{most:.1} ms"),
        _ => String::new(),
    }
}

fn groups(cluster: &Value) -> Vec<Value> {
    let mut rows = list(&cluster["groups"]);
    for row in &mut rows {
        let lags = row["lag"].as_object().into_iter().flatten();
        row["lag"] = lags.filter_map(|(_, lag)| lag.as_u64()).max().into();
        row["size"] = bytes(row["bytes"].as_u64().unwrap_or(0)).into();
        readable(row);
    }
    rows
}

/// A table under a title; nothing at all if there is no room or no row.
fn table(title: &str, columns: &Columns, rows: &[Value], area: Rect, buffer: &mut Buffer) {
    if area.height < 2 {
        return;
    }
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| columns.iter().map(|(_, path)| text(lookup(row, path))).collect())
        .collect();
    let widths = columns.iter().enumerate().map(|(at, (name, _))| {
        let widest = cells.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
        let wide = widest.max(name.chars().count()).min(60);
        Constraint::Length(u16::try_from(wide).unwrap_or(60))
    });
    let widths: Vec<Constraint> = widths.collect();
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let colored = |row: &Vec<String>| {
        let alarming = row.iter().any(|cell| cell.ends_with("SILENT") || cell == "nobody leads it");
        if alarming { Style::new().fg(Color::Red) } else { Style::new() }
    };
    let rows = cells.iter().map(|row| Row::new(row.clone()).style(colored(row)));
    Table::new(rows, widths)
        .header(Row::new(columns.iter().map(|(name, _)| *name)).style(bold))
        .column_spacing(2)
        .block(Block::new().borders(Borders::TOP).title(format!(" {title} ")))
        .render(area, buffer);
}

/// What was drawn, as lines.
pub(super) fn lines(buffer: &Buffer) -> Vec<String> {
    let area = buffer.area;
    let mut lines: Vec<String> = (0..area.height)
        .map(|y| {
            let cells = (0..area.width).filter_map(|x| buffer.cell((x, y)));
            cells.map(|cell| cell.symbol()).collect::<String>().trim_end().to_owned()
        })
        .collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn frame(view: &View) -> String {
        let area = Rect::new(0, 0, 130, 30);
        let mut buffer = Buffer::empty(area);
        draw(view, area, &mut buffer);
        lines(&buffer).join("\n")
    }

    fn look() -> Look {
        let node = |node: u64, alive: bool| {
            json!({
                "node": node, "zone": "z1", "status": "active", "alive": alive, "leads": 2,
                "replicas": 3, "bytes": 2_048,
            })
        };
        Look {
            at: "12:00:00".to_owned(),
            cluster: json!({
                "cluster": "clu_x", "nodes": [node(1, true), node(2, false)],
                "groups": [{ "group": 0, "leader": null, "voters": [1, 2], "wanted": { "voters": [1, 2] }, "lag": {} }],
                "works": [],
            }),
            top: json!({
                "nodes": [{ "node": 1, "active": { "profile": 7 }, "under_way": 3, "waits": {
                    "commands_per_s": 12.5, "commit_ms": { "p50": 1.5, "p99": 8.0 } } }],
                "entities": [{ "tenant": "ten_1", "kind": "profile", "id": "prf_1", "events_per_s": 4.0, "node": 1 }],
                "tenants": [{ "tenant": "ten_1", "events_per_s": 4.0 }],
            }),
            error: None,
        }
    }

    #[track_caller]
    fn check(text: &str, words: &[&str]) {
        for word in words {
            assert!(text.contains(word), "{word:?} is not in\n{text}");
        }
    }

    #[test]
    fn a_frame_shows_nodes_trouble_and_what_is_busy() {
        let mut view = View::new("http://localhost:8080", Duration::from_secs(2));
        check(&frame(&view), &["asking …"]);
        view.show(look());
        check(
            &frame(&view),
            &[
                "1 of 2 nodes answer, 0 of 1 partitions are led, 12.5 commands/s",
                "active, SILENT",
                "1.5/8.0 ms",
                "2.0 KiB",
                "nobody leads it",
                "hottest entities",
                "prf_1",
            ],
        );
        view.tab = view.tab.next();
        check(&frame(&view), &["hottest tenants", "ten_1"]);
    }

    #[test]
    fn what_cannot_be_seen_stays_as_it_was() {
        let mut view = View::new("http://localhost:8080", Duration::from_secs(2));
        view.show(look());
        view.show(Look { error: Some(vec!["error: gone".to_owned()]), ..Look::default() });
        check(&frame(&view), &["error: gone", "hottest entities", "prf_1"]);
    }

    #[test]
    fn a_tiny_screen_is_no_trouble() {
        let mut view = View::new("u", Duration::from_secs(2));
        view.show(look());
        for (width, height) in [(1, 1), (10, 3), (40, 6)] {
            let area = Rect::new(0, 0, width, height);
            draw(&view, area, &mut Buffer::empty(area));
        }
    }
}
