//! Measures every engine on the labelled collections of a folder and prints the reports as JSON.
//!
//! `cargo run -p impresario-text --release --example eval -- DIR [intents spelling matching sentiment]`
//!
//! Folders: `banking77/train.csv`, `spelling/norvig1.txt`, `er-abt-buy/{train,valid}.txt.gz`,
//! `vader-gt/tweets_GroundTruth.txt`; `vectors.tsv` in the working folder, if there, holds sentence
//! vectors of the intents' texts (lines `text <tab> 384 numbers`).

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use impresario_text::eval::{self, Report};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: eval DIR [intents spelling matching sentiment]")?;
    let folder = Path::new(&folder);
    let chosen: Vec<String> = arguments.collect();
    let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|one| one == name);
    if wanted("sentiment") {
        let text = std::fs::read(folder.join("vader-gt/tweets_GroundTruth.txt"))?;
        show(&eval::eval_sentiment(&String::from_utf8_lossy(&text))?)?;
    }
    if wanted("spelling") {
        show(&eval::eval_spelling(&std::fs::read_to_string(
            folder.join("spelling/norvig1.txt"),
        )?)?)?;
    }
    if wanted("matching") {
        let [train, valid] =
            ["train", "valid"].map(|half| unzip(&folder.join(format!("er-abt-buy/{half}.txt.gz"))));
        show(&eval::eval_matching(&train?, &valid?)?)?;
    }
    if wanted("intents") {
        let csv = std::fs::read_to_string(folder.join("banking77/train.csv"))?;
        let vectors = vectors(Path::new("vectors.tsv"))?;
        let embed = |texts: &[&str]| {
            texts.iter().map(|text| vectors.get(*text).cloned().unwrap_or(vec![0.0; 384])).collect()
        };
        let embedder: Option<eval::Embedder<'_>> =
            if vectors.is_empty() { None } else { Some(&embed) };
        show(&eval::eval_intents(&csv, embedder)?)?;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a tool for the terminal")]
fn show(report: &Report) -> serde_json::Result<()> {
    println!("{}", serde_json::to_string_pretty(report)?);
    Ok(())
}

fn unzip(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path)?).read_to_string(&mut text)?;
    Ok(text)
}

/// Lines `text <tab> numbers`, if the file is there.
fn vectors(path: &Path) -> std::io::Result<HashMap<String, Vec<f32>>> {
    if !path.exists() {
        return Ok(HashMap::new());
    }
    let text = std::fs::read_to_string(path)?;
    let line = |line: &str| {
        let (text, numbers) = line.split_once('\t')?;
        Some((
            text.to_owned(),
            numbers.split(' ').filter_map(|number| number.parse().ok()).collect(),
        ))
    };
    Ok(text.lines().filter_map(line).collect())
}
