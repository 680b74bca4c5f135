// A second reading of JSON, independent of the gateway's: everything that it takes, refuses and
// writes is compared with this.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace strict {

struct Json {
    enum class Kind { kNull, kBoolean, kNumber, kString, kArray, kObject };

    Kind kind = Kind::kNull;
    std::string name;         ///< as a member
    std::string text;         ///< of a scalar: as written, a string decoded
    std::vector<Json> parts;  ///< elements or members
    std::size_t end = 0;      ///< the byte behind it

    [[nodiscard]] const Json* member(std::string_view wanted) const {
        for (const Json& part : parts) {
            if (kind == Kind::kObject && part.name == wanted) {
                return &part;
            }
        }
        return nullptr;
    }
};

/// RFC 8259 in UTF-8 and nothing else, unless it says otherwise.
struct Dialect {
    bool mark = false;       ///< a byte order mark may come first
    bool constants = false;  ///< NaN, Infinity and -Infinity are numbers
    bool any_text = false;   ///< strings may hold bytes that are no UTF-8, and half surrogates
    std::size_t depth = 64;
};

enum class Says { kJson, kNoJson, kTooDeep };

/// The bytes of the UTF-8 character at `at`, 0 when there is none (Unicode, table 3-7).
inline std::size_t utf8_bytes(std::string_view text, std::size_t at) {
    const auto byte = [&](std::size_t i) -> unsigned {
        return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0;
    };
    const auto follows = [&](std::size_t from, std::size_t to) {
        for (std::size_t i = from; i < to; i++) {
            if ((byte(i) & 0xC0) != 0x80) {
                return false;
            }
        }
        return true;
    };
    const unsigned lead = byte(0);
    const unsigned pair = lead << 8 | byte(1);
    if (lead < 0x80) {
        return 1;
    }
    if (lead >= 0xC2 && lead <= 0xDF) {
        return follows(1, 2) ? 2 : 0;
    }
    if (lead >= 0xE0 && lead <= 0xEF) {
        const bool is_bad = (lead == 0xE0 && pair < 0xE0A0) || (lead == 0xED && pair > 0xED9F);
        return !is_bad && follows(1, 3) ? 3 : 0;
    }
    const bool is_four = pair >= 0xF090 && pair <= 0xF48F;
    return is_four && follows(1, 4) ? 4 : 0;
}

inline void append_utf8(std::string& to, std::uint32_t c) {
    if (c < 0x80) {
        to += static_cast<char>(c);
        return;
    }
    const int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    const unsigned leads[] = {0, 0xC0, 0xE0, 0xF0};
    to += static_cast<char>(leads[more] | c >> (6 * more));
    for (int i = more - 1; i >= 0; i--) {
        to += static_cast<char>(0x80 | (c >> (6 * i) & 0x3F));
    }
}

class Reader {
  public:
    Reader(std::string_view text, const Dialect& dialect) : text_(text), dialect_(dialect) {}

    Says read(Json& json) {
        if (dialect_.mark) {
            (void)take("\xEF\xBB\xBF");
        }
        pass_space();
        const bool is_whole = value(json, 0) && (pass_space(), at_ == text_.size());
        return too_deep_ ? Says::kTooDeep : is_whole ? Says::kJson : Says::kNoJson;
    }

  private:
    [[nodiscard]] char now() const { return at_ < text_.size() ? text_[at_] : '\0'; }
    [[nodiscard]] bool is_digit() const { return now() >= '0' && now() <= '9'; }

    bool take(std::string_view wanted) {
        const bool is_there = text_.substr(at_, wanted.size()) == wanted;
        at_ += is_there ? wanted.size() : 0;
        return is_there;
    }

    void pass_space() {
        while (at_ < text_.size() &&
               std::string_view(" \t\n\r").find(text_[at_]) != std::string_view::npos) {
            at_++;
        }
    }

    bool value(Json& json, std::size_t depth) {
        const std::size_t from = at_;
        bool is_good = false;
        if (now() == '{' || now() == '[') {
            is_good = container(json, depth + 1);
        } else if (now() == '"') {
            json.kind = Json::Kind::kString;
            is_good = string(json.text);
        } else if (take("true") || take("false")) {
            json.kind = Json::Kind::kBoolean;
            is_good = true;
        } else if (take("null")) {
            is_good = true;
        } else {
            json.kind = Json::Kind::kNumber;
            is_good = number();
        }
        if (json.kind == Json::Kind::kBoolean || json.kind == Json::Kind::kNumber) {
            json.text = text_.substr(from, at_ - from);
        }
        json.end = at_;
        return is_good;
    }

    bool container(Json& json, std::size_t depth) {
        too_deep_ = depth > dialect_.depth;
        if (too_deep_) {
            return false;
        }
        const bool is_object = take("{");
        const std::string_view end = is_object ? "}" : "]";
        json.kind = is_object ? Json::Kind::kObject : Json::Kind::kArray;
        at_ += is_object ? 0 : 1;
        pass_space();
        if (take(end)) {
            return true;
        }
        do {
            Json& part = json.parts.emplace_back();
            pass_space();
            if (is_object && !(string(part.name) && (pass_space(), take(":")))) {
                return false;
            }
            pass_space();
            if (!value(part, depth)) {
                return false;
            }
            pass_space();
        } while (take(","));
        return take(end);
    }

    bool digits() {
        const std::size_t from = at_;
        while (is_digit()) {
            at_++;
        }
        return at_ != from;
    }

    bool number() {
        if (dialect_.constants && (take("NaN") || take("Infinity") || take("-Infinity"))) {
            return true;
        }
        (void)take("-");
        if (!take("0") && !digits()) {
            return false;
        }
        if (take(".") && !digits()) {
            return false;
        }
        if (take("e") || take("E")) {
            (void)(take("+") || take("-"));
            return digits();
        }
        return true;
    }

    bool string(std::string& to) {
        if (!take("\"")) {
            return false;
        }
        while (at_ < text_.size()) {
            const bool is_plain = now() >= 0x20 && now() < 0x7F && now() != '"' && now() != '\\';
            if (is_plain) {
                to += text_[at_++];
                continue;
            }
            const std::size_t size = utf8_bytes(text_, at_);
            if (take("\"")) {
                return true;
            }
            if (take("\\")) {
                if (!escape(to)) {
                    return false;
                }
            } else if (static_cast<unsigned char>(now()) < 0x20 ||
                       (size == 0 && !dialect_.any_text)) {
                return false;
            } else {
                to += text_.substr(at_, size == 0 ? 1 : size);
                at_ += size == 0 ? 1 : size;
            }
        }
        return false;
    }

    bool escape(std::string& to) {
        constexpr std::string_view kLetters = "\"\\/bfnrt";
        constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
        std::uint32_t unit = 0;
        if (take("u")) {
            if (!hex(unit)) {
                return false;
            }
            std::uint32_t low = 0;
            const std::size_t behind = at_;
            if (unit >= 0xD800 && unit < 0xDC00 && take("\\u") && hex(low) && low >= 0xDC00 &&
                low < 0xE000) {
                append_utf8(to, 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00));
                return true;
            }
            at_ = behind;
            const bool is_half = unit >= 0xD800 && unit < 0xE000;
            append_utf8(to, is_half ? 0xFFFD : unit);
            return !is_half || dialect_.any_text;
        }
        const std::size_t letter = now() == '\0' ? kLetters.npos : kLetters.find(now());
        at_++;
        if (letter == kLetters.npos) {
            return false;
        }
        to += kMeanings[letter];
        return true;
    }

    bool hex(std::uint32_t& unit) {
        unit = 0;
        for (int i = 0; i < 4; i++, at_++) {
            const char c = now();
            const int digit = c >= '0' && c <= '9'   ? c - '0'
                              : c >= 'a' && c <= 'f' ? c - 'a' + 10
                              : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                     : -1;
            if (digit < 0) {
                return false;
            }
            unit = unit * 16 + static_cast<std::uint32_t>(digit);
        }
        return true;
    }

    std::string_view text_;
    const Dialect& dialect_;
    std::size_t at_ = 0;
    bool too_deep_ = false;
};

inline Says read(std::string_view text, const Dialect& dialect, Json& json) {
    return Reader(text, dialect).read(json);
}

/// The number of characters in valid UTF-8; what is none counts as far more than any limit.
inline std::size_t characters(std::string_view text) {
    std::size_t count = 0;
    for (std::size_t at = 0; at < text.size(); count++) {
        const std::size_t size = utf8_bytes(text, at);
        if (size == 0) {
            return static_cast<std::size_t>(-1);
        }
        at += size;
    }
    return count;
}

}  // namespace strict
