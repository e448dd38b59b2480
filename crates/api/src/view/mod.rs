//! How the farm's state looks from outside. Pure: state in, replies out.

mod blob;
mod claim;
mod frame;
mod job;
mod network;
mod node;
mod picture;
mod receipt;
mod token;

pub(crate) use blob::{BlobUse, no_such_frame, output_of, use_of};
pub(crate) use claim::{
    detail as claim_detail, info as claim_info, no_such_claim, page as claims_page,
};
pub(crate) use frame::Frames;
pub(crate) use job::{detail as job_detail, summary as job_summary};
pub(crate) use network::{account, network};
pub(crate) use node::info as node_info;
pub(crate) use picture::{kept_of, kept_of_claim};
pub(crate) use token::info as token_info;

use candela_core::farm::Farm;
use candela_core::id::{JobId, LeaseId, NodeId};
use candela_node::manager::FrameProgress;
use candela_wire::api::{Event, FrameChanged, NodeRef};
use std::collections::{BTreeMap, BTreeSet};

/// How far frames are, by lease and number.
pub(crate) type ProgressBoard = BTreeMap<(LeaseId, i32), FrameProgress>;

/// The board of a list.
pub(crate) fn progress_board(progress: Vec<FrameProgress>) -> ProgressBoard {
    progress.into_iter().map(|progress| ((progress.lease, progress.frame), progress)).collect()
}

/// What changed since watchers were told last.
#[derive(Debug, Default)]
pub(crate) struct Changed {
    /// Events were lost: nobody knows what changed.
    pub(crate) lost: bool,
    pub(crate) jobs: BTreeSet<JobId>,
    pub(crate) frames: BTreeMap<JobId, BTreeSet<i32>>,
    pub(crate) nodes: BTreeSet<NodeId>,
    /// Frames on which a worker went on.
    pub(crate) progressed: BTreeSet<(LeaseId, i32)>,
}

impl Changed {
    pub(crate) fn len(&self) -> usize {
        let frames: usize = self.frames.values().map(BTreeSet::len).sum();
        usize::from(self.lost) + self.jobs.len() + frames + self.nodes.len() + self.progressed.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What changed, as it is now.
pub(crate) fn events(farm: &Farm, changed: &Changed, progress: &ProgressBoard) -> Vec<Event> {
    let mut frames = changed.frames.clone();
    for (lease, number) in &changed.progressed {
        if let Some(task) = farm.task_of_lease(*lease) {
            frames.entry(task.job).or_default().insert(*number);
        }
    }
    let mut events = Vec::new();
    for (job, numbers) in frames {
        let frames = Frames::new(farm, job, progress);
        for frame in numbers.iter().filter_map(|number| farm.frame(job, *number)) {
            let frame = FrameChanged { job_id: job.0, frame: frames.summary(frame) };
            events.push(Event::Frame(Box::new(frame)));
        }
    }
    // After its frames: who sees a job completed has seen its last frame.
    let jobs = changed.jobs.iter().filter_map(|job| farm.job(*job));
    events.extend(jobs.map(|job| Event::Job(Box::new(job_summary(farm, job)))));
    let nodes = changed.nodes.iter().filter_map(|node| farm.node(*node));
    events.extend(nodes.map(|node| Event::Node(Box::new(node_info(farm, node)))));
    events
}

/// A node with its name.
fn node_ref(farm: &Farm, id: NodeId) -> NodeRef {
    let name = farm.node(id).map_or_else(|| id.short(), |node| node.name.clone());
    NodeRef { id: id.to_string(), name }
}

/// JSON has no infinities: a probability that could not be computed says nothing, which is 1.
fn probability(p: f64) -> f64 {
    if p.is_finite() { p } else { 1.0 }
}
