use crate::document::{Chunk, Document, chunk_key};
use crate::{Index, NoVectors, Query, Retrieved, Techniques, Vocabulary};

mod answers;
mod indexes;
mod plans;
mod verification;

/// A document of one chunk per text.
fn document(name: &str, texts: &[&str]) -> Document {
    let mut id = [0; 16];
    id[..name.len()].copy_from_slice(name.as_bytes());
    let mut at = 0;
    let chunks = texts
        .iter()
        .map(|text| {
            let from = at;
            at += u32::try_from(text.len()).expect("short");
            Chunk {
                key: chunk_key(&id, text.as_bytes()),
                text: (*text).to_owned(),
                heading: String::new(),
                span: from..at,
            }
        })
        .collect();
    Document { id, title: String::new(), language: "en".to_owned(), chunks, ..Document::default() }
}

fn index(documents: &[(&str, &[&str])]) -> Index {
    let mut index = Index::new(Vocabulary::default());
    for (name, texts) in documents {
        index.put(document(name, texts));
    }
    index
}

fn ask(index: &Index, text: &str) -> Retrieved {
    index.run(&Query::new(text, 0), &mut |_| Vec::new(), &NoVectors, None)
}

fn plain(text: &str) -> Query {
    let techniques = Techniques { mmr: None, hops: 0, ..Techniques::default() };
    Query { techniques, ..Query::new(text, 0) }
}

/// The first words of each passage.
fn first_words(retrieved: &Retrieved) -> Vec<&str> {
    retrieved
        .passages
        .iter()
        .map(|passage| passage.text.split_whitespace().next().unwrap_or_default())
        .collect()
}
