// Which of all processes delivers: the one that holds the kernel's lock of a file. That file can be
// removed or replaced, so it also holds one of the folder, which cannot while the spool is in it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace flashduty {

class DelivererLock {
  public:
    /// What the name of its file has behind that of the spool.
    static constexpr std::string_view kSuffix = ".lock";

    explicit DelivererLock(std::string_view spool) noexcept;
    ~DelivererLock() { give_up(); }
    DelivererLock(const DelivererLock&) = delete;
    DelivererLock& operator=(const DelivererLock&) = delete;

    /// 0 once it is held, until the process ends or gives it up; EWOULDBLOCK while another one has
    /// it; else an errno.
    [[nodiscard]] int take() noexcept;
    void give_up() noexcept;

    /// Whether the last take() got the file's lock, while another process that holds that of
    /// another file still delivers.
    [[nodiscard]] bool has_met_other() const noexcept { return has_met_other_; }

    enum class State : std::uint8_t {
        kHeld,
        kRestored,  ///< its file had been removed or replaced: that of the new one is held now
        kLost,      ///< so it had, and another process holds the new one's
    };
    /// To be asked every now and then while it is held.
    [[nodiscard]] State look() noexcept;

  private:
    [[nodiscard]] bool is_in_place() const noexcept;
    [[nodiscard]] int take_file() noexcept;
    [[nodiscard]] int take_folder() noexcept;
    void close_file() noexcept;

    std::string path_;
    std::string folder_;
    std::int64_t place_;  ///< in the folder: stands for the spool's name
    int file_fd_ = -1;
    int folder_fd_ = -1;
    bool has_met_other_ = false;
};

}  // namespace flashduty
