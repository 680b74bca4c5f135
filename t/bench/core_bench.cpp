// The way of a body through the core, read, translate, write, beside yajl alone.
//
// usage: core_bench count BODY...   to be run by callgrind: one dump for each way of each body
//        core_bench time BODY...    nanoseconds of the processor, the best of many tries
//        core_bench memory BODY...  what the core allocates
#include <valgrind/callgrind.h>
#include <yajl/yajl_parse.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "blueking_alert.hpp"
#include "blueking_body.hpp"
#include "flashduty_event.hpp"
#include "room_arena.hpp"
#include "translate.hpp"

namespace {

/// The arena that a request has, its rooms those that a worker keeps.
class BenchArena final : public flashduty::RoomArena {
  public:
    BenchArena() = default;
    ~BenchArena() {
        while (blocks_.first != nullptr) {
            leave(std::exchange(blocks_.first, blocks_.first->next));
        }
    }

    /// Blocks that were taken, rooms and large pieces.
    [[nodiscard]] std::size_t blocks_taken() const noexcept { return Arena::blocks_taken(); }
    [[nodiscard]] std::size_t taken_bytes() const noexcept { return taken_bytes_; }

  private:
    flashduty::Blocks* blocks() noexcept override { return &blocks_; }
    void* take_room() noexcept override {
        taken_bytes_ += flashduty::kRoomBytes;
        flashduty::Block* const room = spare_.first;
        if (room == nullptr) {
            return std::malloc(flashduty::kRoomBytes);
        }
        spare_.remove(room);
        return room;
    }
    void* take_large(std::size_t size_bytes) noexcept override {
        taken_bytes_ += size_bytes;
        return std::malloc(size_bytes);
    }
    void leave(flashduty::Block* block) noexcept override {
        if (block->is_room) {
            spare_.add(block);
        } else {
            std::free(block);
        }
    }

    inline static flashduty::Blocks spare_;

    flashduty::Blocks blocks_;
    std::size_t taken_bytes_ = 0;
};

/// A body as nginx has it: in one buffer, or, when it came together with its headers and did not
/// fit into their buffer, in two.
class Buffers final : public flashduty::BodySource {
  public:
    Buffers(std::string_view body, std::size_t first_bytes) noexcept
        : body_(body), first_bytes_(std::min(first_bytes, body.size())) {}

    [[nodiscard]] flashduty::JsonChunk whole() const noexcept override {
        const bool is_one = first_bytes_ == body_.size();
        return {is_one ? body_ : std::string_view{}, true};
    }
    std::size_t read(char* to, std::size_t size_bytes) noexcept override {
        const std::size_t end = at_ < first_bytes_ ? first_bytes_ : body_.size();
        const std::size_t read_bytes = body_.copy(to, std::min(size_bytes, end - at_), at_);
        at_ += read_bytes;
        return read_bytes;
    }
    [[nodiscard]] std::size_t left_bytes() const noexcept override { return body_.size() - at_; }
    void seek(std::size_t offset_bytes) noexcept override { at_ = offset_bytes; }

  private:
    std::string_view body_;
    std::size_t first_bytes_;
    std::size_t at_ = 0;
};

/// The size of the event; 0 when the body gives none.
std::size_t translate_body(BenchArena& arena, Buffers source) noexcept {
    const flashduty::BodyReading reading = flashduty::read_body(arena, source);
    if (reading.kind != flashduty::BodyKind::kMessage) {
        return 0;
    }
    const flashduty::Overrides overrides;
    auto* alert = arena.make<flashduty::BlueKingAlert>();
    *alert = flashduty::read_alert(arena, reading.message);
    flashduty::FlashdutyEvent event = flashduty::translate(arena, *alert, overrides);
    (void)flashduty::apply(arena, overrides, event);
    return flashduty::write_event(arena, event).size();
}

/// Room in nginx's first buffer behind the headers.
constexpr std::size_t kFirstBytes = 800;

void run_core(Buffers source) noexcept {
    BenchArena arena;
    volatile std::size_t event_bytes = translate_body(arena, source);
    (void)event_bytes;
}

constexpr yajl_callbacks kEmptyCallbacks = {
    [](void*) { return 1; },
    [](void*, int) { return 1; },
    nullptr,
    nullptr,
    [](void*, const char*, std::size_t) { return 1; },
    [](void*, const unsigned char*, std::size_t) { return 1; },
    [](void*) { return 1; },
    [](void*, const unsigned char*, std::size_t) { return 1; },
    [](void*) { return 1; },
    [](void*) { return 1; },
    [](void*) { return 1; },
};

bool run_yajl(std::string_view body, const yajl_callbacks* callbacks) noexcept {
    yajl_handle yajl = yajl_alloc(callbacks, nullptr, nullptr);
    const bool is_read = yajl_parse(yajl, reinterpret_cast<const unsigned char*>(body.data()),
                                    body.size()) == yajl_status_ok &&
                         yajl_complete_parse(yajl) == yajl_status_ok;
    yajl_free(yajl);
    return is_read;
}

struct Way {
    const char* name;
    void (*run)(std::string_view body) noexcept;
};

constexpr Way kWays[] = {
    {"core",
     [](std::string_view body) noexcept {
         run_core({body, body.size()});
     }},
    {"in-two",
     [](std::string_view body) noexcept {
         run_core({body, kFirstBytes});
     }},
    {"yajl", [](std::string_view body) noexcept { (void)run_yajl(body, nullptr); }},
    {"callbacks", [](std::string_view body) noexcept { (void)run_yajl(body, &kEmptyCallbacks); }},
};

struct Body {
    std::string name;
    std::string text;
};

Body read_body_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    Body body = {path.substr(path.rfind('/') + 1), {std::istreambuf_iterator<char>(file), {}}};
    body.name.erase(body.name.rfind('.'));
    if (body.text.empty()) {
        std::fprintf(stderr, "%s: no body\n", path.c_str());
        std::exit(1);
    }
    return body;
}

/// Rounds after which things that happen only now and then do not matter.
std::size_t rounds_for(const Body& body) noexcept {
    return 1 + (std::size_t{1} << 17) / body.text.size();
}

void count(const Body& body) {
    const std::size_t rounds = rounds_for(body);
    for (const Way& way : kWays) {
        const std::string label = body.name + " " + way.name + " " + std::to_string(rounds);
        way.run(body.text);  // the first call of a library's function looks it up
        CALLGRIND_ZERO_STATS;
        CALLGRIND_TOGGLE_COLLECT;
        for (std::size_t i = 0; i < rounds; i++) {
            way.run(body.text);
        }
        CALLGRIND_TOGGLE_COLLECT;
        CALLGRIND_DUMP_STATS_AT(label.c_str());
    }
}

/// Processor time of this thread, whatever else is running.
double cpu_ns() noexcept {
    timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return 1e9 * static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec);
}

void time(const Body& body) {
    constexpr int kTries = 200;
    const std::size_t rounds = 1 + (std::size_t{1} << 14) / body.text.size();
    std::printf("%s %zu", body.name.c_str(), body.text.size());
    for (const Way& way : kWays) {
        double best_ns = std::numeric_limits<double>::max();
        for (int i = 0; i < kTries; i++) {
            const double start_ns = cpu_ns();
            for (std::size_t round = 0; round < rounds; round++) {
                way.run(body.text);
            }
            best_ns = std::min(best_ns, (cpu_ns() - start_ns) / static_cast<double>(rounds));
        }
        std::printf(" %.0f", best_ns);
    }
    std::printf("\n");
}

void memory(const Body& body) {
    BenchArena arena;
    const std::size_t event_bytes = translate_body(arena, {body.text, body.text.size()});
    std::printf("%s %zu %zu %zu %zu %d\n", body.name.c_str(), body.text.size(), event_bytes,
                arena.blocks_taken(), arena.taken_bytes(),
                run_yajl(body.text, &kEmptyCallbacks) ? 1 : 0);
}

}  // namespace

int main(int argc, char** argv) {
    constexpr std::pair<std::string_view, void (*)(const Body&)> kModes[] = {
        {"count", count}, {"time", time}, {"memory", memory}};
    for (const auto& [name, measure] : kModes) {
        if (argc > 2 && argv[1] == name) {
            for (int i = 2; i < argc; i++) {
                measure(read_body_file(argv[i]));
            }
            return 0;
        }
    }
    std::fprintf(stderr, "usage: core_bench count|time|memory BODY...\n");
    return 2;
}
