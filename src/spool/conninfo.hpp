// Connection strings of PostgreSQL, read without its library: the master of a running nginx must
// not load that.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace flashduty {

class Conninfo {
  public:
    /// Reads `host=db1,db2 dbname='my db'` or `postgresql://user@db1,db2/name?sslmode=require`.
    /// False when it is neither; then reason() says why, without any value.
    [[nodiscard]] bool read(std::string_view text) noexcept;
    [[nodiscard]] const std::string& reason() const noexcept { return reason_; }

    [[nodiscard]] bool has(std::string_view keyword) const noexcept;
    /// The last value of a keyword; empty when there is none.
    [[nodiscard]] std::string_view value(std::string_view keyword) const noexcept;

    /// True when each host is a socket of this machine or its loopback address.
    [[nodiscard]] bool is_local() const noexcept;

  private:
    bool read_pairs(std::string_view text) noexcept;
    bool read_uri(std::string_view text) noexcept;
    void read_hosts(std::string_view text) noexcept;
    bool add(std::string_view keyword, std::string value) noexcept;
    bool refuse(std::string reason) noexcept;

    std::vector<std::pair<std::string, std::string>> pairs_;
    std::string reason_;
};

}  // namespace flashduty
