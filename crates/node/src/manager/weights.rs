//! Where a job's pictures are noisy, worked out once: probes are drawn from it again and again.

use crate::verdict::cell_weights;
use candela_core::id::JobId;
use candela_core::job::Inspected;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Jobs that are remembered at most; then all are forgotten, and worked out again when needed.
const JOBS_MAX: usize = 1_000;

/// What was worked out, and of which inspection.
type Known = (Arc<Inspected>, Arc<[u64]>);

/// The weights of jobs' cells. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Weights(Arc<Mutex<BTreeMap<JobId, Known>>>);

impl Weights {
    /// The weights of a job's cells.
    pub(crate) fn of(&self, job: JobId, inspected: &Arc<Inspected>) -> Arc<[u64]> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, weights)) = known.get(&job)
            && Arc::ptr_eq(of, inspected)
        {
            return weights.clone();
        }
        if known.len() >= JOBS_MAX {
            known.clear();
        }
        let weights: Arc<[u64]> = cell_weights(&inspected.preview, inspected.settings.size).into();
        known.insert(job, (inspected.clone(), weights.clone()));
        weights
    }
}
