// A PostgreSQL of the tests' own: started when it is first asked for, on a socket in a folder of
// its own, and gone with the process that started it.
#pragma once

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "postgres.hpp"
#include "support.hpp"

/// The newest server that is installed, or an empty path.
inline std::string postgres_folder() {
    std::vector<std::pair<int, std::string>> found;
    std::error_code error;
    for (const char* root : {"/usr/lib/postgresql", "/usr/pgsql"}) {
        for (const auto& entry : std::filesystem::directory_iterator(root, error)) {
            const std::string bin = entry.path().string() + "/bin";
            if (::access((bin + "/postgres").c_str(), X_OK) == 0 &&
                ::access((bin + "/initdb").c_str(), X_OK) == 0) {
                found.emplace_back(std::atoi(entry.path().filename().c_str()), bin);
            }
        }
    }
    return found.empty() ? "" : std::max_element(found.begin(), found.end())->second;
}

class PostgresServer {
  public:
    /// The one of this process.
    static PostgresServer& instance() {
        static PostgresServer server;
        return server;
    }

    PostgresServer(const PostgresServer&) = delete;
    PostgresServer& operator=(const PostgresServer&) = delete;

    ~PostgresServer() {
        shell_.reset();
        if (process_ > 0) {
            ::kill(process_, SIGINT);
            ::waitpid(process_, nullptr, 0);
        }
        std::error_code error;
        std::filesystem::remove_all(folder_, error);
    }

    [[nodiscard]] std::string conninfo() const {
        return "host=" + folder_ + " dbname=postgres user=flashduty";
    }
    [[nodiscard]] pid_t process() const { return process_; }

    /// Rows with `\n`, columns with `|` between them; `error: ...` when it fails.
    std::string run(const std::string& sql, const std::string& schema = "public") {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        if (shell_ == nullptr || schema != schema_) {
            flashduty::PgOptions options;
            options.conninfo = conninfo();
            options.schema = schema_ = schema;
            options.name = "a test";
            shell_ = std::make_unique<flashduty::PgConnection>(options);
        }
        if (!shell_->is_connected() && !shell_->connect(deadline)) {
            return "error: " + shell_->error();
        }
        flashduty::PgRows rows;
        if (shell_->script(sql.c_str(), rows, deadline) != flashduty::PgStatus::kOk) {
            return "error: " + shell_->error();
        }
        return text_of(rows);
    }

    static std::string text_of(const flashduty::PgRows& rows) {
        std::string text;
        for (int row = 0; row < rows.count(); row++) {
            text += row == 0 ? "" : "\n";
            for (int column = 0; column < rows.columns(); column++) {
                text += (column == 0 ? "" : "|") + std::string(rows.text(row, column));
            }
        }
        return text;
    }

  private:
    PostgresServer() {
        folder_ = "/tmp/postgres_test_XXXXXX";
        if (::mkdtemp(folder_.data()) == nullptr || !become_owner() || !initialize()) {
            give_up("it cannot be set up");
        }
        start();
        const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
        while (run("SELECT 1") != "1") {
            if (std::chrono::steady_clock::now() > until || ::waitpid(process_, nullptr, WNOHANG)) {
                give_up(run("SELECT 1"));
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
    }

    [[noreturn]] void give_up(const std::string& reason) {
        print_error("PostgreSQL for the tests in %s: %s\n", folder_.c_str(), reason.c_str());
        std::abort();
    }

    /// The server refuses root.
    bool become_owner() {
        const struct passwd* nobody = ::getpwnam("nobody");
        if (::geteuid() != 0) {
            return true;
        }
        if (nobody == nullptr || ::chown(folder_.c_str(), nobody->pw_uid, nobody->pw_gid) != 0) {
            return false;
        }
        user_ = nobody->pw_uid;
        group_ = nobody->pw_gid;
        return true;
    }

    pid_t spawn(const std::vector<std::string>& arguments) const {
        std::vector<char*> pointers;
        for (const std::string& argument : arguments) {
            pointers.push_back(const_cast<char*>(argument.c_str()));
        }
        pointers.push_back(nullptr);
        const pid_t child = ::fork();
        if (child != 0) {
            return child;
        }
        const int log = ::open((folder_ + "/log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
        if (log < 0 || ::dup2(log, 1) < 0 || ::dup2(log, 2) < 0 ||
            (user_ != 0 && (::setgid(group_) != 0 || ::setuid(user_) != 0))) {
            ::_exit(126);
        }
        // The server does not outlive a test that has crashed.
        ::prctl(PR_SET_PDEATHSIG, SIGINT);
        ::close(0);
        ::unsetenv("LD_PRELOAD");
        ::execv(pointers[0], pointers.data());
        ::_exit(127);
    }

    bool initialize() const {
        const pid_t child =
            spawn({postgres_folder() + "/initdb", "-D", folder_ + "/data", "-U", "flashduty", "-A",
                   "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"});
        int status = 0;
        ::waitpid(child, &status, 0);
        return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }

    void start() {
        std::vector<std::string> arguments = {postgres_folder() + "/postgres", "-D",
                                              folder_ + "/data", "-k", folder_};
        std::istringstream settings(
            "listen_addresses= fsync=off shared_buffers=16MB max_connections=40"
            " autovacuum_naptime=5s log_min_messages=warning " +
            std::string(more_settings()));
        for (std::string setting; settings >> setting;) {
            arguments.insert(arguments.end(), {"-c", setting});
        }
        process_ = spawn(arguments);
    }

    /// Settings of the server from outside, such as `fsync=on`.
    static const char* more_settings() {
        const char* more = ::getenv("TEST_POSTGRES_OPTIONS");
        return more == nullptr ? "" : more;
    }

    std::string folder_;
    std::string schema_;
    std::unique_ptr<flashduty::PgConnection> shell_;
    uid_t user_ = 0;
    gid_t group_ = 0;
    pid_t process_ = 0;
};

/// False, with a word that says so to prove, where there is no server.
inline bool has_postgres(const char* group) {
    std::string error;
    if (postgres_folder().empty()) {
        std::printf("1..0 # SKIP %s: no PostgreSQL server is installed: postgresql\n", group);
        return false;
    }
    if (flashduty::load_libpq(error) == nullptr) {
        std::printf("1..0 # SKIP %s: %s\n", group, error.c_str());
        return false;
    }
    return true;
}
