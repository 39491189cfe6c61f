//! `impresario eval`: how good retrieval and the text engines are on labelled data that is handed in.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use clap::Subcommand;
use flate2::read::GzDecoder;
use impresario_embed::Model;
use impresario_retrieval::eval as retrieval;
use impresario_text::eval as text;

use crate::shell::print::{error as note, line};

/// Measures an engine on labelled data of the named form. Nothing is learned or kept.
#[derive(Debug, Subcommand)]
pub(crate) enum EvalCommand {
    /// Finding: nDCG@10, recall@10, MRR and latency, with and without each technique. The folder has
    /// corpus.jsonl, queries.jsonl and qrels.tsv (BEIR's form).
    Retrieval(Args),
    /// Telling intents apart. The folder has train.csv with the columns text and category.
    Intents(Args),
    /// Correcting words. The folder has .txt files of lines `right: wrong wrong`.
    Spelling(Args),
    /// Recognising the same product. The folder has train.txt(.gz) and valid.txt(.gz) in Ditto's form.
    Matching(Args),
    /// Mood. The folder has .txt files of lines `id <tab> rating <tab> text`.
    Sentiment(Args),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder.
    #[arg(long)]
    data: PathBuf,
    /// The folder of the embedding model; without one, by words alone.
    #[arg(long, env = "IMPRESARIO_MODEL_DIR")]
    model: Option<PathBuf>,
    /// JSON instead of a table.
    #[arg(long)]
    json: bool,
}

impl EvalCommand {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Retrieval(args) => find(&args)?,
            Self::Intents(args) => {
                let model = args.model()?;
                let csv = read(&args.data.join("train.csv"))?;
                let embed = |texts: &[&str]| {
                    model.as_ref().map(|model| model.embed(texts)).unwrap_or_default()
                };
                let embedder: Option<text::Embedder<'_>> =
                    if model.is_some() { Some(&embed) } else { None };
                args.show(&text::eval_intents(&csv, embedder)?)?;
            }
            Self::Spelling(args) => args.each(text::eval_spelling)?,
            Self::Sentiment(args) => args.each(text::eval_sentiment)?,
            Self::Matching(args) => {
                let (train, judged) = (args.file("train.txt")?, args.file("valid.txt")?);
                args.show(&text::eval_matching(&train, &judged)?)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Args {
    fn model(&self) -> anyhow::Result<Option<Model>> {
        let folder = self.model.as_ref().map(|folder| folder.display().to_string());
        crate::talk::model(&folder.unwrap_or_default())
    }

    /// A file of this name, packed or not.
    fn file(&self, name: &str) -> anyhow::Result<String> {
        let packed = self.data.join(format!("{name}.gz"));
        if packed.exists() { read(&packed) } else { read(&self.data.join(name)) }
    }

    /// Every text file of the folder but what only says where it is from.
    fn each(
        &self,
        measure: impl Fn(&str) -> Result<text::Report, text::BadData>,
    ) -> anyhow::Result<()> {
        let entries = std::fs::read_dir(&self.data)
            .with_context(|| format!("{} cannot be read", self.data.display()))?;
        let mut files: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|end| end == "txt"))
            .filter(|path| path.file_stem().is_none_or(|name| name != "SOURCE"))
            .collect();
        files.sort();
        anyhow::ensure!(!files.is_empty(), "there is no .txt file in {}", self.data.display());
        for file in files {
            note(&format!("{}", file.display()));
            self.show(&measure(&read(&file)?)?)?;
        }
        Ok(())
    }

    fn show(&self, report: &text::Report) -> anyhow::Result<()> {
        if self.json {
            line(&serde_json::to_string_pretty(report)?);
            return Ok(());
        }
        line(&format!("{}:", report.name));
        for (name, size) in &report.sizes {
            line(&format!("  {name:28} {size}"));
        }
        for (name, value) in &report.metrics {
            line(&format!("  {name:28} {value:.4}"));
        }
        for text in &report.notes {
            line(&format!("  - {text}"));
        }
        Ok(())
    }
}

fn find(args: &Args) -> anyhow::Result<()> {
    let model = args.model()?;
    let bytes = |name: &str| {
        let path = args.data.join(name);
        std::fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))
    };
    let collection = retrieval::Collection::parse(
        &bytes("corpus.jsonl")?,
        &bytes("queries.jsonl")?,
        &bytes("qrels.tsv")?,
    )?;
    let began = Instant::now();
    let clock = || began.elapsed().as_secs_f64() * 1_000.0;
    let mut progress = |what: &str| note(what);
    let report = match &model {
        Some(model) => {
            let mut embed = |texts: &[&str]| model.embed(texts);
            retrieval::run(&collection, Some(&mut embed), &clock, &mut progress)
        }
        None => retrieval::run(&collection, None, &clock, &mut progress),
    };
    if !args.json {
        line(&report.markdown());
        return Ok(());
    }
    let scores = report.scores.iter().map(|score| {
        serde_json::json!({
            "techniques": score.name,
            "ndcg@10": score.ndcg10,
            "recall@10": score.recall10,
            "mrr@10": score.mrr10,
            "p50_ms": score.p50_ms,
            "p95_ms": score.p95_ms,
        })
    });
    line(&serde_json::to_string_pretty(&serde_json::json!({
        "documents": report.documents,
        "queries": report.queries,
        "model": model.as_ref().map(Model::id),
        "scores": scores.collect::<Vec<_>>(),
    }))?);
    Ok(())
}

/// A text file, unpacked if it is packed.
fn read(path: &Path) -> anyhow::Result<String> {
    let cannot = || format!("{} cannot be read", path.display());
    let bytes = std::fs::read(path).with_context(cannot)?;
    if path.extension().is_none_or(|end| end != "gz") {
        return String::from_utf8(bytes).with_context(cannot);
    }
    let mut unpacked = String::new();
    std::io::Read::read_to_string(&mut GzDecoder::new(&*bytes), &mut unpacked)
        .with_context(cannot)?;
    Ok(unpacked)
}
