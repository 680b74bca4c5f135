// Lock that decides which process delivers: the kernel's lock of a file. That file can be removed
// or replaced, so the deliverer also holds a lock of the folder, which cannot while the spool is in
// it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace flashduty {

class DelivererLock {
  public:
    /// Suffix of its file, behind the spool's name.
    static constexpr std::string_view kSuffix = ".lock";

    explicit DelivererLock(std::string_view spool) noexcept;
    ~DelivererLock() { give_up(); }
    DelivererLock(const DelivererLock&) = delete;
    DelivererLock& operator=(const DelivererLock&) = delete;

    /// 0 once the lock is held, until the process ends or gives it up; EWOULDBLOCK while another
    /// process has it; else an errno.
    [[nodiscard]] int take() noexcept;
    void give_up() noexcept;

    /// True when the last take() got the file's lock while another process, with the lock of
    /// another file, still delivers.
    [[nodiscard]] bool has_met_other() const noexcept { return has_met_other_; }

    enum class State : std::uint8_t {
        kHeld,
        kRestored,  ///< its file was removed or replaced; the new file's lock is held now
        kLost,      ///< its file was removed or replaced; another process holds the new file's lock
    };
    /// Checks the lock; call it every now and then while the lock is held.
    [[nodiscard]] State look() noexcept;

  private:
    [[nodiscard]] int look_at_file() const noexcept;
    [[nodiscard]] int take_file() noexcept;
    [[nodiscard]] int take_folder() noexcept;
    void close_file() noexcept;

    std::string path_;
    std::string folder_;
    std::int64_t place_;  ///< in the folder: hash of the spool's name
    int file_fd_ = -1;
    int folder_fd_ = -1;
    bool has_met_other_ = false;
};

}  // namespace flashduty
