#include "fleet_roll.hpp"

#include <algorithm>
#include <iterator>
#include <map>

#include "duration.hpp"

namespace flashduty {

namespace {

constexpr char kRegister[] =
    "SELECT answer, seen_ago_ms FROM register_edge($1, $2, $3::bigint, $4::boolean, $5::bigint,"
    " $6, $7, $8, $9::bigint, $10::bigint, $11::bigint, $12::bigint, $13::bigint, $14::bigint,"
    " $15::bigint, $16::text[], $17::text[])";
constexpr char kReport[] =
    "SELECT answer, seen_ago_ms, edges, server_ms, term, beat, has_gone_back"
    " FROM report_edge($1, $2::bigint, $3::smallint, $4::boolean, $5::bigint, $6::bigint,"
    " $7::bigint, $8::bigint, $9::bigint, $10::bigint, $11::bigint, $12::bigint)";
constexpr char kWriteFigures[] =
    "SELECT write_figures($1::bigint, $2::bigint, $3::bigint, $4::bigint, $5::bigint,"
    " $6::boolean, $7::text[], $8::text[], $9::boolean[], $10::text[], $11::bigint[])";

constexpr char kEdges[] =
    "SELECT e.edge, e.spool_id, greatest(now_ms() - e.seen_ms, 0), e.mode, e.local_events,"
    " e.local_age_ms, e.local_dead, e.append_p99_ms, e.unknown, e.clock_offset_ms,"
    " e.empty_ms >= e.seen_ms, s.gateway, s.nginx, s.version, s.per_second, s.per_minute,"
    " s.max_size, s.max_age_ms, s.dead_age_ms, s.lease_ms, s.alone_after_ms,"
    " e.edge = (SELECT t.edge FROM term t)"
    " FROM edge e JOIN edge_setup s USING (edge) ORDER BY e.edge";
constexpr char kLocations[] =
    "SELECT s.edge, u.server, u.location FROM edge_setup s,"
    " unnest(s.servers, s.locations) AS u (server, location) ORDER BY 1, 2, 3";
constexpr char kFacts[] =
    "SELECT t.term, t.edge, current_setting('server_version'),"
    " current_setting('synchronous_standby_names') <> '', count_replicas(),"
    " (SELECT coalesce(sum(n_dead_tup), 0)::bigint FROM pg_catalog.pg_stat_user_tables"
    " WHERE schemaname = current_schema()), count_held_back() FROM term t";
constexpr char kFigures[] =
    "SELECT CASE written_ms WHEN 0 THEN -1 ELSE greatest(now_ms() - written_ms, 0) END, waiting,"
    " dead, used_bytes, oldest_age_ms, is_full FROM figures";
constexpr char kTargets[] =
    "SELECT u.server, u.location, u.is_up, u.reason, u.waiting FROM figures f,"
    " unnest(f.servers, f.locations, f.are_up, f.reasons, f.waiting_for) WITH ORDINALITY"
    " AS u (server, location, is_up, reason, waiting, n) ORDER BY u.n";

/// Most lines of an edge's drift.
constexpr std::size_t kMostDrift = 12;

/// Silence of two reports.
constexpr std::int64_t kLeastUnseenMs = 2'000;

std::string_view flag(bool value) noexcept { return value ? "t" : "f"; }

/// Adds an array: one element of each row.
template <class Rows, class Get>
void add_array(PgValues& values, const Rows& rows, Get get) noexcept {
    values.begin();
    for (const auto& row : rows) {
        values.element(get(row));
    }
    values.end();
}

std::string text(std::int64_t value) noexcept { return std::to_string(value); }
std::string quoted(const std::string& value) noexcept { return "\"" + value + "\""; }
std::string rate_text(const Rate& rate) noexcept {
    return text(rate.per_second) + "r/s " + text(rate.per_minute) + "r/m";
}

/// Parts of a configuration, each with a text to be compared and shown.
struct Part {
    const char* name;
    std::string (*text_of)(const EdgeSetup& setup);
};
constexpr Part kParts[] = {
    {"gateway", [](const EdgeSetup& setup) { return quoted(setup.gateway); }},
    {"version=", [](const EdgeSetup& setup) { return quoted(setup.version); }},
    {"flashduty_rate", [](const EdgeSetup& setup) { return rate_text(setup.rate); }},
    {"max_size", [](const EdgeSetup& setup) { return text(setup.max_size_bytes); }},
    {"max_age", [](const EdgeSetup& setup) { return duration(setup.max_age_ms); }},
    {"dead_age", [](const EdgeSetup& setup) { return duration(setup.dead_age_ms); }},
    {"lease", [](const EdgeSetup& setup) { return text(setup.lease_ms) + "ms"; }},
    {"alone_after", [](const EdgeSetup& setup) { return text(setup.alone_after_ms) + "ms"; }},
};

using Locations = std::vector<EdgeLocation>;

Locations sorted(Locations locations) noexcept {
    std::sort(locations.begin(), locations.end());
    return locations;
}

/// Locations of `these` that `those` does not have.
Locations without(const Locations& these, const Locations& those) noexcept {
    Locations only;
    std::set_difference(these.begin(), these.end(), those.begin(), those.end(),
                        std::back_inserter(only));
    return only;
}

void compare(const RollEdge& model, RollEdge& edge) noexcept {
    const auto differ = [&](std::string line) {
        if (edge.drift.size() < kMostDrift) {
            edge.drift.push_back(std::move(line));
        }
    };
    for (const Part& part : kParts) {
        const std::string here = part.text_of(edge.setup), there = part.text_of(model.setup);
        if (here != there) {
            differ(std::string(part.name) + " is " + here + ", on " + model.name + " " + there);
        }
    }
    const Locations here = sorted(edge.setup.locations), there = sorted(model.setup.locations);
    for (const EdgeLocation& location : without(there, here)) {
        differ("lacks location " + quoted(location.location) + " of server " +
               quoted(location.server));
    }
    for (const EdgeLocation& location : without(here, there)) {
        differ("has location " + quoted(location.location) + " of server " +
               quoted(location.server) + ", which " + model.name + " lacks");
    }
}

const RollEdge* model_of(const std::vector<RollEdge>& edges) noexcept {
    const auto first = [&](auto is_meant) {
        const auto found = std::find_if(edges.begin(), edges.end(), is_meant);
        return found == edges.end() ? nullptr : &*found;
    };
    const RollEdge* leader =
        first([](const RollEdge& edge) { return edge.is_leader && edge.is_seen; });
    return leader != nullptr ? leader : first([](const RollEdge& edge) { return edge.is_seen; });
}

RollEdge edge_of(const PgRows& rows, int row) noexcept {
    const auto number = [&](int column) { return rows.number(row, column); };
    const auto count = [&](int column) { return static_cast<std::uint64_t>(number(column)); };
    const auto part = [&](int column) { return std::string(rows.text(row, column)); };
    const auto limit = [&](int column) { return static_cast<std::uint32_t>(number(column)); };
    const auto mode = std::min<std::int64_t>(number(3), static_cast<int>(EdgeMode::kDraining));
    RollEdge edge;
    edge.name = part(0);
    edge.spool_id = part(1);
    edge.seen_ago_ms = number(2);
    edge.is_seen = edge.seen_ago_ms < kSeenMs;
    edge.state = {static_cast<EdgeMode>(mode),
                  rows.flag(row, 10),
                  count(4),
                  number(5),
                  count(6),
                  number(7),
                  count(8),
                  number(9)};
    edge.setup = {part(11),   part(12),   part(13),   {limit(14), limit(15)},
                  number(16), number(17), number(18), number(19),
                  number(20), {}};
    edge.is_leader = rows.flag(row, 21);
    return edge;
}

}  // namespace

const char* edge_mode_name(EdgeMode mode) noexcept {
    constexpr const char* kNames[] = {"fleet", "holding", "alone", "draining"};
    static_assert(std::size(kNames) == static_cast<std::size_t>(EdgeMode::kCount));
    return kNames[static_cast<std::size_t>(mode)];
}

void find_drift(std::vector<RollEdge>& edges) noexcept {
    const RollEdge* model = model_of(edges);
    for (RollEdge& edge : edges) {
        edge.drift.clear();
        if (model != nullptr && &edge != model) {
            compare(*model, edge);
        }
    }
}

std::size_t count_alone(const std::vector<RollEdge>& edges) noexcept {
    return static_cast<std::size_t>(
        std::count_if(edges.begin(), edges.end(), [](const RollEdge& edge) {
            // Earlier by what a report and a look at it may take.
            const std::int64_t after_ms = edge.setup.alone_after_ms;
            const std::int64_t alone_ms =
                std::max({after_ms - kSeenMs / 2, after_ms / 2, kLeastUnseenMs});
            return edge.state.mode == EdgeMode::kAlone || edge.seen_ago_ms >= alone_ms;
        }));
}

Rate share_of(Rate rate, std::size_t parts, std::size_t all) noexcept {
    const auto share = [&](std::uint32_t limit) {
        const std::uint64_t of_all = std::uint64_t{limit} * parts / std::max<std::size_t>(all, 1);
        return limit == 0 || parts >= all
                   ? limit
                   : static_cast<std::uint32_t>(std::max<std::uint64_t>(of_all, 1));
    };
    return {share(rate.per_second), share(rate.per_minute)};
}

StoreStatus FleetRoll::ask(const char* sql, const PgValues& values, PgRows& rows) noexcept {
    const StoreStatus status = store_.ask(sql, values, rows);
    if (status != StoreStatus::kOk) {
        error_ = store_.error();
    }
    return status;
}

RollAnswer FleetRoll::answer_of(const PgRows& rows) noexcept {
    const std::string_view answer = rows.text(0, 0);
    if (answer == "taken") {
        error_ = "another gateway is edge \"" + edge_ + "\" of this fleet, it was seen " +
                 text(rows.number(0, 1) / 1000) +
                 "s ago: give each machine a name of its own by edge= of flashduty_fleet";
        return RollAnswer::kTaken;
    }
    return answer == "done" ? RollAnswer::kDone : RollAnswer::kGone;
}

StoreStatus FleetRoll::register_edge(const EdgeSetup& setup, RollAnswer& answer) noexcept {
    PgValues values;
    values.add(edge_).add(spool_id_).add(token_).add(flag(was_registered_)).add(kSeenMs);
    values.add(setup.gateway).add(setup.nginx).add(setup.version);
    values.add(std::int64_t{setup.rate.per_second}).add(std::int64_t{setup.rate.per_minute});
    for (const std::int64_t number : {setup.max_size_bytes, setup.max_age_ms, setup.dead_age_ms,
                                      setup.lease_ms, setup.alone_after_ms}) {
        values.add(number);
    }
    add_array(values, setup.locations,
              [](const EdgeLocation& one) { return std::string_view(one.server); });
    add_array(values, setup.locations,
              [](const EdgeLocation& one) { return std::string_view(one.location); });
    PgRows rows;
    const StoreStatus status = ask(kRegister, values, rows);
    if (status == StoreStatus::kOk) {
        answer = answer_of(rows);
        was_registered_ = was_registered_ || answer == RollAnswer::kDone;
    }
    return status;
}

StoreStatus FleetRoll::report(const EdgeReport& state, RollAnswer& answer) noexcept {
    PgValues values;
    values.add(edge_).add(token_).add(static_cast<std::int64_t>(state.mode));
    values.add(flag(state.is_empty)).add(static_cast<std::int64_t>(state.local_events));
    values.add(state.local_age_ms).add(static_cast<std::int64_t>(state.local_dead));
    values.add(state.append_p99_ms).add(static_cast<std::int64_t>(state.unknown));
    values.add(clock_offset_ms_).add(point_.term).add(point_.beat);
    PgRows rows;
    const UnixMs before_ms = store_.now_ms();
    const StoreStatus status = ask(kReport, values, rows);
    if (status == StoreStatus::kOk) {
        answer = answer_of(rows);
        edges_ = static_cast<std::size_t>(std::max<std::int64_t>(rows.number(0, 2), 1));
        clock_offset_ms_ = rows.number(0, 3) - (before_ms + store_.now_ms()) / 2;
        has_gone_back_ = has_gone_back_ || rows.flag(0, 6);
        point_ = {rows.number(0, 4), std::max<std::int64_t>(rows.number(0, 5), 0)};
    }
    return status;
}

StoreStatus FleetRoll::let_go_held_back() noexcept {
    PgRows rows;
    return ask("SELECT let_go_held_back()", {}, rows);
}

StoreStatus FleetRoll::write_figures(const FleetReport& figures) noexcept {
    PgValues values;
    values.add(store_.term()).add(static_cast<std::int64_t>(figures.waiting));
    values.add(static_cast<std::int64_t>(figures.dead));
    values.add(static_cast<std::int64_t>(figures.used_bytes)).add(figures.oldest_age_ms);
    values.add(flag(figures.is_full));
    const std::vector<RollTarget>& targets = figures.targets;
    add_array(values, targets, [](const auto& one) { return std::string_view(one.server); });
    add_array(values, targets, [](const auto& one) { return std::string_view(one.location); });
    add_array(values, targets, [](const auto& one) { return flag(one.is_up); });
    add_array(values, targets, [](const auto& one) { return std::string_view(one.reason); });
    add_array(values, targets,
              [](const auto& one) { return static_cast<std::int64_t>(one.waiting); });
    PgRows rows;
    return ask(kWriteFigures, values, rows);
}

StoreStatus FleetRoll::read(Fleet& fleet) noexcept {
    fleet = {};
    PgRows edges, locations, facts, figures, targets;
    StoreStatus status = ask(kEdges, {}, edges);
    for (const auto& [sql, rows] : {std::pair{kLocations, &locations},
                                    {kFacts, &facts},
                                    {kFigures, &figures},
                                    {kTargets, &targets}}) {
        status = status == StoreStatus::kOk ? ask(sql, {}, *rows) : status;
    }
    if (status != StoreStatus::kOk) {
        return status;
    }
    std::map<std::string_view, std::vector<EdgeLocation>> by_edge;
    for (int i = 0; i < locations.count(); i++) {
        by_edge[locations.text(i, 0)].push_back(
            {std::string(locations.text(i, 1)), std::string(locations.text(i, 2))});
    }
    for (int i = 0; i < edges.count(); i++) {
        fleet.edges.push_back(edge_of(edges, i));
        fleet.edges.back().setup.locations = std::move(by_edge[fleet.edges.back().name]);
    }
    find_drift(fleet.edges);
    fleet.term = facts.number(0, 0);
    fleet.leader = facts.text(0, 1);
    fleet.database = {std::string(facts.text(0, 2)),
                      store_.host(),
                      facts.flag(0, 3),
                      static_cast<int>(facts.number(0, 4)),
                      facts.number(0, 5),
                      static_cast<std::uint64_t>(facts.number(0, 6))};
    fleet.figures_age_ms = figures.number(0, 0);
    const auto count = [&](int column) {
        return static_cast<std::uint64_t>(figures.number(0, column));
    };
    fleet.figures = {count(1), count(2), count(3), figures.number(0, 4), figures.flag(0, 5), {}};
    for (int i = 0; i < targets.count(); i++) {
        fleet.figures.targets.push_back(
            {std::string(targets.text(i, 0)), std::string(targets.text(i, 1)), targets.flag(i, 2),
             std::string(targets.text(i, 3)), static_cast<std::uint64_t>(targets.number(i, 4))});
    }
    return status;
}

}  // namespace flashduty
