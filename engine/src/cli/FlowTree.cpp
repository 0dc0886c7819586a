#include "cli/FlowTree.h"

#include "cli/Table.h"

namespace drover::cli {

namespace {

void writeNode(std::ostream& out,
               const FlowNode& node,
               const std::function<std::string(const FlowNode& node)>& stateOf,
               const std::string& before) {
    out << before << plainText(node.key);
    if (node.job) {
        out << "  " << plainText(node.job->name);
        if (stateOf) {
            out << "  " << stateOf(node);
        }
    } else {
        out << "  removed";
    }
    out << (node.code == 0 ? "\n" : "  stays the child of another parent\n");
    for (const FlowNode& child : node.children) {
        writeNode(out, child, stateOf, before + "  ");
    }
}

}  // namespace

void writeTree(std::ostream& out,
               const FlowNode& node,
               const std::function<std::string(const FlowNode& node)>& stateOf) {
    writeNode(out, node, stateOf, "");
}

}  // namespace drover::cli
