// Parts of the script that makes a fleet's tables, in the order in which they are run.
#pragma once

namespace flashduty {

/// Events, their keys and dead letters, and the lease: what every edge appends and one delivers.
extern const char kPostgresEvents[];
/// The roll of edges, and what the leader says of all.
extern const char kPostgresRoll[];
/// Functions for operators' changes.
extern const char kPostgresLedger[];

}  // namespace flashduty
