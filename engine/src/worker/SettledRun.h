#pragma once

#include <memory>
#include <string>

#include "worker/JobRun.h"

namespace drover {

/// How a run leaves active.
enum class Ending { Completed, Failed, Retried, HandedBack, WaitingChildren };

/// A run together with the reply of the script that was to settle it.
struct SettledRun {
    std::shared_ptr<JobRun> run;
    Ending ending = Ending::Completed;
    /// A reply was lost before: the script may have settled the run already.
    bool sentBefore = false;
    /// 0: done; 1: no child is pending, nothing moved; negative: an error code (docs/wire-format.md#codes).
    int code = 0;
};

/// States what follows from the reply to a settled run.
struct Verdict {
    enum class Kind {
        Done,        ///< Redis has the outcome.
        DoneBefore,  ///< An earlier call, whose reply was lost, had done it.
        Lost,        ///< Another worker has the job: the outcome is discarded.
        RunAgain,    ///< The job was to wait for children, none of which is pending.
        Refused      ///< The job may not end so: `instead` takes the place of its outcome.
    };
    Kind kind = Kind::Done;
    std::string message;  ///< DoneBefore, Lost, Refused: the error that Redis reported.
    JobOutcome instead{};
};

/// Decides by the code. No I/O. Throws ScriptException for an unknown negative code.
[[nodiscard]] Verdict verdictOf(const SettledRun& settled);

}  // namespace drover
