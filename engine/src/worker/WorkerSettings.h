#pragma once

#include "core/QueueSettings.h"

namespace drover {

using WorkerSettings = QueueSettings;

}  // namespace drover
