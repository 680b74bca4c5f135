#include "postgres.hpp"

#include <poll.h>

#include <algorithm>
#include <charconv>
#include <climits>
#include <utility>

namespace flashduty {

namespace {

using Clock = std::chrono::steady_clock;

/// Parameters that are set unless the operator has set them.
struct Usual {
    const char* keyword;
    const char* value;
};
constexpr Usual kUsual[] = {
    {"target_session_attrs", "read-write"}, {"gssencmode", "disable"}, {"keepalives_idle", "2"},
    {"keepalives_interval", "1"},           {"keepalives_count", "2"}, {"tcp_user_timeout", "4000"},
};

// Settings of the server for as long as the connection lasts. Only the keepalives notice a leader
// that vanishes inside a transaction.
constexpr char kSetUp[] =
    "SELECT set_config(s.name, v.value, false) FROM (VALUES ('search_path', $1),"
    " ('client_min_messages', 'warning'), ('default_transaction_isolation', 'read committed'),"
    " ('default_transaction_deferrable', 'off'), ('synchronous_commit', 'on'), ('jit', 'off'),"
    " ('idle_in_transaction_session_timeout', '5000'), ('idle_session_timeout', '0'),"
    " ('statement_timeout', '0'), ('lock_timeout', '0'), ('standard_conforming_strings', 'on'),"
    " ('tcp_keepalives_idle', '2'), ('tcp_keepalives_interval', '1'), ('tcp_keepalives_count', "
    "'2'))"
    " AS v (name, value) JOIN pg_catalog.pg_settings s USING (name)";
constexpr char kEncoding[] = "SELECT pg_catalog.current_setting('server_encoding')";

/// Message as one line, with one space in place of line breaks and indentation.
std::string line_of(const char* message) noexcept {
    std::string line;
    for (const char* c = message == nullptr ? "" : message; *c != '\0'; c++) {
        const bool is_space = *c == '\n' || *c == '\t' || *c == ' ';
        if (!is_space) {
            line += *c;
        } else if (!line.empty() && line.back() != ' ') {
            line += ' ';
        }
    }
    if (!line.empty() && line.back() == ' ') {
        line.pop_back();
    }
    return line;
}

std::vector<std::string> split(const std::string& list) noexcept {
    std::vector<std::string> parts(1);
    for (const char c : list) {
        if (c == ',') {
            parts.emplace_back();
        } else {
            parts.back() += c;
        }
    }
    return parts;
}

/// A list that begins with another of its elements.
std::string rotated(const std::string& list, std::size_t first) noexcept {
    std::vector<std::string> parts = split(list);
    const auto at = static_cast<std::ptrdiff_t>(first % parts.size());
    std::rotate(parts.begin(), parts.begin() + at, parts.end());
    std::string joined;
    for (const std::string& part : parts) {
        joined += (&part == &parts.front() ? "" : ",") + part;
    }
    return joined;
}

bool is_one_of_hosts(std::string_view keyword) noexcept {
    return keyword == "host" || keyword == "hostaddr" || keyword == "port";
}

/// Parameters of a connection: one value for each keyword, the last one given.
class Parameters {
  public:
    void set(const char* keyword, std::string value) noexcept {
        for (auto& [known, old] : parameters_) {
            if (known == keyword) {
                old = std::move(value);
                return;
            }
        }
        parameters_.emplace_back(keyword, std::move(value));
    }
    [[nodiscard]] bool has(std::string_view keyword) const noexcept {
        return std::any_of(parameters_.begin(), parameters_.end(),
                           [&](const auto& one) { return one.first == keyword; });
    }
    [[nodiscard]] PqConnection* start(const Libpq& pq) const noexcept {
        std::vector<const char*> keywords, values;
        for (const auto& [keyword, value] : parameters_) {
            keywords.push_back(keyword.c_str());
            values.push_back(value.c_str());
        }
        keywords.push_back(nullptr);
        values.push_back(nullptr);
        return pq.PQconnectStartParams(keywords.data(), values.data(), 0);
    }

  private:
    std::vector<std::pair<std::string, std::string>> parameters_;
};

}  // namespace

// -------------------------------------------------------------------- rows

PgRows::PgRows(PgRows&& other) noexcept
    : pq_(other.pq_), result_(std::exchange(other.result_, nullptr)) {}

PgRows& PgRows::operator=(PgRows&& other) noexcept {
    std::swap(pq_, other.pq_);
    std::swap(result_, other.result_);
    return *this;
}

PgRows::~PgRows() {
    if (result_ != nullptr) {
        pq_->PQclear(result_);
    }
}

int PgRows::count() const noexcept { return result_ == nullptr ? 0 : pq_->PQntuples(result_); }

int PgRows::columns() const noexcept { return result_ == nullptr ? 0 : pq_->PQnfields(result_); }

std::string_view PgRows::text(int row, int column) const noexcept {
    return {pq_->PQgetvalue(result_, row, column),
            static_cast<std::size_t>(pq_->PQgetlength(result_, row, column))};
}

std::int64_t PgRows::number(int row, int column) const noexcept {
    const std::string_view digits = text(row, column);
    std::int64_t value = 0;
    (void)std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
}

// -------------------------------------------------------------------- values

PgValues& PgValues::add(std::int64_t value) noexcept {
    texts_.push_back(std::to_string(value));
    return *this;
}

PgValues& PgValues::add(std::string_view value) noexcept {
    texts_.emplace_back(value);
    return *this;
}

PgValues& PgValues::add(const std::vector<std::int64_t>& values) noexcept {
    begin();
    for (const std::int64_t value : values) {
        element(value);
    }
    return end();
}

PgValues& PgValues::begin() noexcept {
    texts_.emplace_back("{");
    return *this;
}

std::string& PgValues::next_element() noexcept {
    std::string& text = texts_.back();
    if (text.size() > 1) {
        text += ',';
    }
    return text;
}

PgValues& PgValues::element(std::int64_t value) noexcept {
    next_element() += std::to_string(value);
    return *this;
}

PgValues& PgValues::element(std::string_view value) noexcept {
    std::string& text = next_element();
    text += '"';
    for (const char c : value) {
        if (c == '"' || c == '\\') {
            text += '\\';
        }
        text += c;
    }
    text += '"';
    return *this;
}

PgValues& PgValues::element_bytes(std::string_view value) noexcept {
    constexpr char kDigits[] = "0123456789abcdef";
    std::string& text = next_element();
    text += R"("\\x)";
    for (const char c : value) {
        const auto byte = static_cast<unsigned char>(c);
        text += kDigits[byte >> 4];
        text += kDigits[byte & 15];
    }
    text += '"';
    return *this;
}

PgValues& PgValues::end() noexcept {
    texts_.back() += '}';
    return *this;
}

std::vector<const char*> PgValues::pointers() const noexcept {
    std::vector<const char*> pointers;
    pointers.reserve(texts_.size());
    for (const std::string& text : texts_) {
        pointers.push_back(text.c_str());
    }
    return pointers;
}

// -------------------------------------------------------------------- connecting

void PgConnection::close() noexcept {
    if (connection_ != nullptr) {
        pq_->PQfinish(std::exchange(connection_, nullptr));
    }
}

bool PgConnection::fail_to_connect(std::string reason) noexcept {
    close();
    first_host_++;
    error_ = std::move(reason);
    return false;
}

bool PgConnection::start() noexcept {
    char* reason = nullptr;
    PqOption* options = pq_->PQconninfoParse(options_.conninfo.c_str(), &reason);
    if (options == nullptr) {
        const std::string line = line_of(reason);
        pq_->PQfreemem(reason);
        return fail_to_connect(line);
    }
    Parameters parameters;
    for (const PqOption* option = options; option->keyword != nullptr; option++) {
        if (option->value != nullptr) {
            parameters.set(option->keyword, is_one_of_hosts(option->keyword)
                                                ? rotated(option->value, first_host_)
                                                : std::string(option->value));
        }
    }
    pq_->PQconninfoFree(options);
    for (const Usual& usual : kUsual) {
        if (!parameters.has(usual.keyword)) {
            parameters.set(usual.keyword, usual.value);
        }
    }
    if (!options_.password.empty()) {
        parameters.set("password", options_.password);
    }
    parameters.set("application_name", options_.name);
    parameters.set("client_encoding", "UTF8");
    connection_ = parameters.start(*pq_);
    if (connection_ == nullptr) {
        return fail_to_connect("no memory for a connection");
    }
    return true;
}

bool PgConnection::wait(short events, PgDeadline deadline) noexcept {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    const int socket = pq_->PQsocket(connection_);
    if (left <= 0 || socket < 0) {
        return false;
    }
    struct pollfd descriptor = {socket, events, 0};
    // Interrupted, or ready: the caller looks which.
    return ::poll(&descriptor, 1, static_cast<int>(std::min<long long>(left, INT_MAX))) != 0;
}

bool PgConnection::finish_connecting(PgDeadline deadline) noexcept {
    PqPolling next = PqPolling::kWriting;
    while (next != PqPolling::kOk) {
        if (next == PqPolling::kFailed || pq_->PQstatus(connection_) == PqStatus::kBad) {
            return fail_to_connect(line_of(pq_->PQerrorMessage(connection_)));
        }
        if (!wait(next == PqPolling::kReading ? POLLIN : POLLOUT, deadline)) {
            const char* host = pq_->PQhost(connection_);
            return fail_to_connect(std::string("\"") + (host == nullptr ? "" : host) +
                                   "\" takes too long to connect to");
        }
        next = pq_->PQconnectPoll(connection_);
    }
    return true;
}

bool PgConnection::set_up(PgDeadline deadline) noexcept {
    if (pq_->PQsetnonblocking(connection_, 1) != 0) {
        return fail_to_connect(line_of(pq_->PQerrorMessage(connection_)));
    }
    (void)pq_->PQsetNoticeReceiver(connection_, note, this);
    PgRows rows;
    if (run(kSetUp, PgValues().add("\"" + options_.schema + "\", pg_catalog"), rows, deadline) !=
            PgStatus::kOk ||
        run(kEncoding, {}, rows, deadline) != PgStatus::kOk) {
        return fail_to_connect(error_);
    }
    if (rows.text(0, 0) != "UTF8") {
        is_unfit_ = true;
        return fail_to_connect("the database is not in UTF8 but in " +
                               std::string(rows.text(0, 0)) +
                               ", make one with ENCODING 'UTF8' TEMPLATE template0");
    }
    return true;
}

bool PgConnection::connect(PgDeadline deadline) noexcept {
    close();
    is_unfit_ = false;
    pq_ = load_libpq(error_);
    if (pq_ == nullptr) {
        is_unfit_ = true;
        return false;
    }
    if (!start() || !finish_connecting(deadline) || !set_up(deadline)) {
        return false;
    }
    generation_++;
    return true;
}

int PgConnection::server_version() const noexcept {
    return connection_ == nullptr ? 0 : pq_->PQserverVersion(connection_);
}

std::string PgConnection::host() const noexcept {
    const char* host = connection_ == nullptr ? nullptr : pq_->PQhost(connection_);
    return host == nullptr ? "" : host;
}

// -------------------------------------------------------------------- statements

void PgConnection::note(void* self, const PqResult* notice) noexcept {
    auto& connection = *static_cast<PgConnection*>(self);
    connection.notice_ = line_of(connection.pq_->PQresultErrorField(notice, kPqPrimaryMessage));
}

/// Leaves a server that lets one wait: a frozen primary still says that it takes writes.
PgStatus PgConnection::give_up_in_time(std::string reason) noexcept {
    first_host_++;
    return give_up(std::move(reason));
}

PgStatus PgConnection::give_up(std::string reason) noexcept {
    error_ = std::move(reason);
    close();
    return PgStatus::kUnknown;
}

/// Sends until everything has left; data that arrives meanwhile has to be taken, or both sides
/// would wait.
bool PgConnection::send(PgDeadline deadline) noexcept {
    for (int left = pq_->PQflush(connection_); left != 0; left = pq_->PQflush(connection_)) {
        if (left < 0 || !wait(POLLIN | POLLOUT, deadline) ||
            pq_->PQconsumeInput(connection_) == 0) {
            return false;
        }
    }
    return true;
}

PgStatus PgConnection::judge(PgRows rows, PqResult* result, PgRows& to) noexcept {
    const PqOutcome outcome = pq_->PQresultStatus(result);
    if (outcome == PqOutcome::kTuplesOk || outcome == PqOutcome::kCommandOk) {
        to = std::move(rows);
        return PgStatus::kOk;
    }
    const char* state = pq_->PQresultErrorField(result, kPqSqlState);
    const char* severity = pq_->PQresultErrorField(result, kPqSeverity);
    sql_state_ = state == nullptr ? "" : state;
    error_ = line_of(pq_->PQresultErrorField(result, kPqPrimaryMessage));
    // A connection that ends may have ended during the wait for a commit.
    const bool is_told = severity != nullptr && std::string_view(severity) == "ERROR";
    return is_told ? PgStatus::kRefused : PgStatus::kUnknown;
}

PgStatus PgConnection::receive(PgRows& rows, PgDeadline deadline) noexcept {
    PgStatus status = PgStatus::kUnknown;
    for (bool has_any = false;;) {
        while (pq_->PQisBusy(connection_) != 0) {
            if (!wait(POLLIN, deadline)) {
                return give_up_in_time("no answer in time");
            }
            if (pq_->PQconsumeInput(connection_) == 0) {
                return give_up(line_of(pq_->PQerrorMessage(connection_)));
            }
        }
        PqResult* result = pq_->PQgetResult(connection_);
        if (result == nullptr) {
            return has_any ? status : give_up("the connection has ended");
        }
        const PgStatus judged = judge(PgRows(pq_, result), result, rows);
        status = has_any && judged == PgStatus::kOk ? status : judged;
        has_any = true;
        if (judged == PgStatus::kUnknown) {
            return give_up(error_);
        }
    }
}

PgStatus PgConnection::begin(const char* sql, const PgValues& values,
                             PgDeadline deadline) noexcept {
    if (connection_ == nullptr) {
        return PgStatus::kAway;
    }
    const std::vector<const char*> texts = values.pointers();
    notice_.clear();
    if (pq_->PQsendQueryParams(connection_, sql, static_cast<int>(texts.size()), nullptr,
                               texts.data(), nullptr, nullptr, 0) == 0 ||
        !send(deadline)) {
        return give_up_in_time("it could not be sent in time");
    }
    return PgStatus::kOk;
}

bool PgConnection::is_answered(PgDeadline deadline) noexcept {
    while (connection_ != nullptr && pq_->PQisBusy(connection_) != 0) {
        if (!wait(POLLIN, deadline)) {
            return false;
        }
        if (pq_->PQconsumeInput(connection_) == 0) {
            break;
        }
    }
    return true;
}

PgStatus PgConnection::finish(PgRows& rows, PgDeadline deadline) noexcept {
    if (connection_ == nullptr) {
        return PgStatus::kUnknown;
    }
    const PgStatus status = receive(rows, deadline);
    // A cancelled wait for a standby ends like any other, but for a warning.
    return status == PgStatus::kOk && !notice_.empty() ? give_up(notice_) : status;
}

PgStatus PgConnection::run(const char* sql, const PgValues& values, PgRows& rows,
                           PgDeadline deadline) noexcept {
    const PgStatus status = begin(sql, values, deadline);
    return status == PgStatus::kOk ? finish(rows, deadline) : status;
}

PgStatus PgConnection::script(const char* sql, PgRows& rows, PgDeadline deadline) noexcept {
    if (connection_ == nullptr) {
        return PgStatus::kAway;
    }
    notice_.clear();
    if (pq_->PQsendQuery(connection_, sql) == 0 || !send(deadline)) {
        return give_up_in_time("it could not be sent in time");
    }
    return finish(rows, deadline);
}

// -------------------------------------------------------------------- in an event loop

int PgConnection::server_process() const noexcept {
    return connection_ == nullptr ? 0 : pq_->PQbackendPID(connection_);
}

int PgConnection::socket() const noexcept {
    return connection_ == nullptr ? -1 : pq_->PQsocket(connection_);
}

bool PgConnection::pump(bool& wants_to_write) noexcept {
    wants_to_write = false;
    if (connection_ == nullptr) {
        return false;
    }
    const int left = pq_->PQflush(connection_);
    bool is_sound = left >= 0;
    // Reads until there is nothing more: an edge-triggered event comes only once.
    struct pollfd descriptor = {socket(), POLLIN, 0};
    do {
        is_sound = is_sound && pq_->PQconsumeInput(connection_) != 0 &&
                   pq_->PQstatus(connection_) == PqStatus::kOk;
    } while (is_sound && ::poll(&descriptor, 1, 0) > 0);
    if (!is_sound) {
        (void)give_up(line_of(pq_->PQerrorMessage(connection_)));
        return false;
    }
    wants_to_write = left > 0;
    return true;
}

bool PgConnection::post(const char* sql, const PgValues& values, bool& wants_to_write) noexcept {
    const std::vector<const char*> texts = values.pointers();
    if (connection_ == nullptr ||
        pq_->PQsendQueryParams(connection_, sql, static_cast<int>(texts.size()), nullptr,
                               texts.data(), nullptr, nullptr, 0) == 0) {
        return false;
    }
    // Takes nothing: an answer that came at once would be missed.
    const int left = pq_->PQflush(connection_);
    wants_to_write = left > 0;
    return left >= 0;
}

bool PgConnection::is_posted() noexcept {
    while (connection_ != nullptr && pq_->PQisBusy(connection_) == 0) {
        PqResult* result = pq_->PQgetResult(connection_);
        if (result == nullptr) {
            return true;
        }
        pq_->PQclear(result);
    }
    return false;
}

bool PgConnection::take_notification(PgNotification& notification) noexcept {
    PqNotification* message = connection_ == nullptr ? nullptr : pq_->PQnotifies(connection_);
    if (message == nullptr) {
        return false;
    }
    notification = {message->channel, message->payload};
    pq_->PQfreemem(message);
    return true;
}

}  // namespace flashduty
