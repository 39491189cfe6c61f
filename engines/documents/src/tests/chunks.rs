use super::*;

fn options(target_tokens: usize, overlap_tokens: usize) -> ChunkOptions<'static> {
    ChunkOptions { target_tokens, overlap_tokens, chunks_max: 100_000, count: WORDS }
}

/// F2, F3, F5, and the bounds.
pub(super) fn check_chunks(document: &Document, target: usize, overlap: usize) {
    let chunks = chunk(document, &options(target, overlap)).expect("not too many");
    let mut covered: Vec<Vec<bool>> =
        document.sections.iter().map(|section| vec![false; section.text.len()]).collect();
    for chunk in &chunks {
        let section = &document.sections[chunk.section as usize];
        let span = chunk.start as usize..chunk.end as usize;
        assert_eq!(section.text.get(span.clone()), Some(chunk.text.as_str()));
        assert_eq!(chunk.hash, meaning_hash(&section.path, &chunk.text));
        assert!(!chunk.text.trim().is_empty());
        let one_letter = chunk.text.chars().count() == 1;
        assert!(chunk.tokens as usize <= target || one_letter, "{chunk:?}");
        covered[chunk.section as usize][span].fill(true);
    }
    for (section, covered) in document.sections.iter().zip(&covered) {
        for (at, letter) in section.text.char_indices() {
            assert!(covered[at] || letter.is_whitespace(), "{letter:?} at {at} is lost");
        }
    }
    let mut ids: Vec<&str> = chunks.iter().map(|chunk| chunk.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), chunks.len());
}

#[track_caller]
fn check(markdown: &str, target: usize, overlap: usize, want: &[&str]) -> Vec<Chunk> {
    let document = read("a.md", markdown.as_bytes()).expect("it can be read");
    check_chunks(&document, target, overlap);
    let chunks = chunk(&document, &options(target, overlap)).expect("not too many");
    let texts: Vec<String> = chunks.iter().map(Chunk::embed_text).collect();
    assert_eq!(texts, want);
    chunks
}

#[test]
fn kno_08_chunks_follow_the_structure() {
    check(
        "# A\n\nOne two. Three.\n\n## B\n\nFour.",
        10,
        0,
        &["A\nOne two. Three.", "A > B\nFour."],
    );
    check("One two. Three four. Five six.", 4, 0, &["One two. Three four.", "Five six."]);
    check(
        "One two. Three four. Five six.",
        4,
        2,
        &["One two. Three four.", "Three four. Five six."],
    );
    check("Ask Mr. Smith, i.e. me. Yes.", 5, 0, &["Ask Mr. Smith, i.e. me.", "Yes."]);
    check("- a b\n- c d\n- e f", 4, 3, &["- a b", "- c d", "- e f"]);
    check("a b c d e", 2, 1, &["a b", "b c", "c d", "d e"]);
}

#[test]
fn kno_24_rows_keep_the_names_of_their_columns() {
    let chunks = check(
        "| Plan | Price |\n|--|--|\n| Free | 0 |\n| Pro | 9 |\n| Max | 19 |\n",
        8,
        4,
        &["Plan: Free; Price: 0\nPlan: Pro; Price: 9", "Plan: Max; Price: 19"],
    );
    assert_eq!(chunks.iter().map(|chunk| chunk.row).collect::<Vec<_>>(), [Some(1), Some(3)]);
}

#[test]
fn kno_11_unchanged_text_keeps_its_hash() {
    let hashes = |text: &str| -> Vec<[u8; 32]> {
        let document = read("a.md", text.as_bytes()).expect("it can be read");
        let chunks = chunk(&document, &options(5, 0)).expect("not too many");
        chunks.into_iter().map(|chunk| chunk.hash).collect()
    };
    let before = hashes("# A\n\nOne two three four five.\n\nSix seven eight nine ten.");
    let after = hashes("# A\n\nNew, new, new, new, new.\n\nSix   seven eight\nnine ten.");
    assert_eq!((before.len(), after.len()), (2, 2));
    assert_ne!(before[0], after[0]);
    assert_eq!(before[1], after[1]);
    assert_ne!(hashes("# B\n\nSix seven eight nine ten.")[0], before[1], "the heading counts");
    // The hash is stored: it is the same for ever.
    let hex: String =
        meaning_hash(&["A".to_owned()], "b").iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(hex, GOLDEN_HASH);
}

const GOLDEN_HASH: &str = "0627a54b25cf3031bb034dd442c7818bb3860110aa4c3eb8b0091ab6cd16b259";

#[test]
fn equal_chunks_have_different_names() {
    let document = read("a.txt", b"one\n\ntwo\n\none").expect("it can be read");
    let chunks = chunk(&document, &options(1, 0)).expect("not too many");
    assert_eq!(chunks[0].hash, chunks[2].hash);
    assert_eq!(chunks[2].id, format!("{}-1", chunks[0].id));
}

#[test]
fn too_many_chunks_are_refused() {
    let document = read("a.txt", b"one two three").expect("it can be read");
    let options = ChunkOptions { chunks_max: 2, ..options(1, 0) };
    assert_eq!(
        chunk(&document, &options).map_err(|problem| problem.code),
        Err("document_too_many_chunks")
    );
}

#[test]
fn kno_17_sections_stay_readable() {
    let text = "A sentence of some words. ".repeat(40) + "\n\n";
    let document = read("a.txt", text.repeat(30).as_bytes()).expect("it can be read");
    assert!(document.sections.len() > 2);
    assert!(document.sections.iter().all(|section| section.text.len() <= 8 << 10));
    check_chunks(&document, 50, 10);
}
