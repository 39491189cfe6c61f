//! Retrieval, measured. `MODEL` is the folder of all-MiniLM-L6-v2, `DIR` one of a judged collection
//! (`corpus.jsonl`, `queries.jsonl`, `qrels.tsv`).
//!
//! ```text
//! cargo run --release -p impresario-retrieval --example bench -- eval MODEL DIR...
//! cargo run --release -p impresario-retrieval --example bench -- calibrate MODEL DIR...
//! cargo run --release -p impresario-retrieval --example bench -- scale MODEL [CHUNKS]
//! ```

mod calibrate;
mod scale;

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use impresario_embed::Model;
use impresario_retrieval::eval::{self, Collection};

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> Outcome {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [task, model, rest @ ..] = args.as_slice() else {
        return Err("say what: eval, calibrate or scale; then the model's folder".into());
    };
    let model = load(Path::new(model))?;
    match task.as_str() {
        "eval" => rest.iter().try_for_each(|folder| measure(&model, Path::new(folder))),
        "calibrate" => calibrate::run(&mut |texts| model.embed(texts), rest),
        "scale" => scale::run(&model, rest.first().map_or(Ok(100_000), |count| count.parse())?),
        other => Err(format!("no task {other}").into()),
    }
}

fn load(folder: &Path) -> Result<Model, Box<dyn Error>> {
    let read = |name: &str| std::fs::read(folder.join(name));
    let model = Model::load(
        "all-minilm-l6-v2",
        &read("model.safetensors")?,
        &read("vocab.txt")?,
        &read("config.json")?,
    )?;
    Ok(model)
}

fn collection(folder: &Path) -> Result<Collection, Box<dyn Error>> {
    let read = |name: &str| std::fs::read(folder.join(name));
    Ok(Collection::parse(&read("corpus.jsonl")?, &read("queries.jsonl")?, &read("qrels.tsv")?)?)
}

fn measure(model: &Model, folder: &Path) -> Outcome {
    let collection = collection(folder)?;
    let began = Instant::now();
    let clock = || began.elapsed().as_secs_f64() * 1e3;
    let report = eval::run(&collection, Some(&mut |texts| model.embed(texts)), &clock, &mut |_| {});
    say(&format!("## {}\n\n{}", folder.display(), report.markdown()));
    Ok(())
}

/// A line on the output; a closed pipe is no reason to stop.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
