#pragma once

namespace drover {

/// Whether clients of BullMQ 5.x (5.48.1, 5.81.5) share a queue. Such clients have the waiting jobs of a paused queue
/// in a list of its own, `<prefix>:<queue>:paused`, and overwrite the one list by the other when they pause and
/// resume; 6.x clients do not. Source: docs/wire-format.md#five.
///
/// No mode prevents this:
/// - In Auto, jobs that wait may drop out of all lists while Redis shows no trace of 5.x clients: after a 6.x Queue
/// object wrote its own version over that of 5.x while no `paused` list existed; in a queue that was paused in the
/// way
///   of 6.x before the first 5.x client came; where there are 5.x workers and no 5.x Queue object.
/// - In every mode, jobs drop out of all lists while 6.x clients add to, pause or work a queue that 5.x clients pause and
///   resume. Their hashes stay: where On or Auto applies, one of Drover's workers puts them back within a stalled interval.
/// - In On, 6.x clients count no waiting jobs while the queue is paused.
/// - 5.48.1 runs jobs that 6.x has marked to be failed unrun, and deletes deduplication keys of other jobs, so that a
///   second job of one deduplication id may run.
/// - The queue's own rate limit does not bind workers of 5.48.1.
enum class Bullmq5 {
    Off,   ///< None does: the form of 6.x.
    Auto,  ///< As Redis shows: a `paused` list exists, or 5.x wrote its version last, or either was seen before.
    On     ///< They may come at any time. The only mode that loses nothing to them.
};

}  // namespace drover
