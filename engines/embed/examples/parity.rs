//! How far the vectors are from a reference: `cargo run -p impresario-embed --example parity -- MODEL
//! REFERENCE.json`, where the reference is `{"items": [{"text", "embedding", "input_ids"}]}`. Also how
//! long a text takes.

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use impresario_embed::{Model, TOKENS_MAX, WordPiece};
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    text: String,
    embedding: Vec<f32>,
    #[serde(default)]
    input_ids: Vec<u32>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let folder = args.next().ok_or("name the model's folder")?;
    let folder = Path::new(&folder);
    let reference: Reference =
        serde_json::from_slice(&std::fs::read(args.next().ok_or("name the reference")?)?)?;
    let tokenizer = std::fs::read(folder.join("tokenizer.json"))?;
    let began = Instant::now();
    let model = Model::load(
        "all-minilm-l6-v2",
        &std::fs::read(folder.join("model.safetensors"))?,
        &tokenizer,
        &std::fs::read(folder.join("config.json"))?,
    )?;
    let mut out = std::io::stdout();
    writeln!(out, "{} loaded in {:?}", model.id(), began.elapsed())?;
    let words = WordPiece::parse(&tokenizer)?;
    let texts: Vec<&str> = reference.items.iter().map(|item| item.text.as_str()).collect();
    let vectors = model.embed(&texts);
    let (mut worst, mut tokens) = (0f32, 0);
    for (item, vector) in reference.items.iter().zip(&vectors) {
        if !item.input_ids.is_empty() && words.encode(&item.text, TOKENS_MAX) != item.input_ids {
            tokens += 1;
            writeln!(out, "other tokens: {:?}", item.text)?;
        }
        for (ours, theirs) in vector.iter().zip(&item.embedding) {
            worst = worst.max((ours - theirs).abs());
        }
        if &model.embed(&[&item.text])[0] != vector {
            writeln!(out, "depends on the batch: {:?}", item.text)?;
        }
    }
    writeln!(
        out,
        "{} texts, {tokens} with other tokens, largest difference {worst:e}",
        texts.len()
    )?;
    let question = ["how do I change the delivery address of an order that was already sent to me"];
    let mut times: Vec<f64> = (0..100)
        .map(|_| {
            let began = Instant::now();
            let _ = model.embed(&question);
            began.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    writeln!(
        out,
        "{} tokens: p50 {:.1} ms, p95 {:.1} ms",
        model.tokens(question[0]),
        times[50],
        times[95]
    )?;
    let began = Instant::now();
    let _ = model.embed(&[question[0]; 128]);
    writeln!(out, "128 at once: {:.0} texts per second", 128.0 / began.elapsed().as_secs_f64())?;
    Ok(())
}
