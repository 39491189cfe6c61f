//! All steps at once, for callers that can embed where they stand.

use crate::finish::Retrieved;
use crate::index::Index;
use crate::plan::{Plan, Query};
use crate::search::Vectors;

/// Texts to vectors of unit length, in their order; empty if there is no model.
pub type Embed<'a> = dyn FnMut(&[&str]) -> Vec<Vec<f32>> + 'a;
/// A question and passages to scores from 0 to 1, in their order; empty if it could not.
pub type Rerank<'a> = dyn FnMut(&str, &[&str]) -> Vec<f32> + 'a;

impl Index {
    /// Plans, searches, finishes, and follows further questions as far as the techniques allow.
    pub fn run(
        &self,
        query: &Query,
        embed: &mut Embed<'_>,
        vectors: &dyn Vectors,
        mut rerank: Option<&mut Rerank<'_>>,
    ) -> Retrieved {
        let mut plan = self.plan(query);
        let mut retrieved = self.once(&plan, embed, vectors, &mut rerank);
        while let Some(next) = self.hop(&plan, &retrieved) {
            let further = self.once(&next, embed, vectors, &mut rerank);
            retrieved = self.merge(&next, retrieved, further);
            plan = next;
        }
        retrieved
    }

    fn once(
        &self,
        plan: &Plan,
        embed: &mut Embed<'_>,
        vectors: &dyn Vectors,
        rerank: &mut Option<&mut Rerank<'_>>,
    ) -> Retrieved {
        let texts: Vec<&str> = plan.queries.iter().map(|query| query.text.as_str()).collect();
        let query_vectors = if plan.query.techniques.dense { embed(&texts) } else { Vec::new() };
        let candidates = self.candidates(plan, &query_vectors, vectors);
        let scores = rerank.as_mut().filter(|_| plan.query.techniques.rerank).map(|rerank| {
            let passages: Vec<&str> = candidates
                .hits
                .iter()
                .map(|hit| self.chunk(hit.key).map_or("", |(_, chunk)| chunk.text.as_str()))
                .collect();
            rerank(&plan.query.text, &passages)
        });
        self.finish(plan, candidates, scores.as_deref(), vectors)
    }
}
