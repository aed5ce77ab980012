// SPDX-License-Identifier: BSD-2-Clause
// Records, the message in them, its extensions. Every length is checked before it is used.
// Runs in: worker.
#include "net/client_hello.h"

#include <algorithm>

namespace sluice::net {

namespace {

constexpr std::size_t kRecordHead = 5;   ///< type, version, length
constexpr std::size_t kMostRecord = 16'384;
constexpr std::size_t kMessageHead = 4;  ///< type, length
constexpr unsigned char kHandshake = 22;
constexpr unsigned char kHello = 1;
constexpr unsigned char kMajor = 3;

unsigned char byte_at(std::string_view bytes, std::size_t at) {
    return static_cast<unsigned char>(bytes[at]);
}

/// Takes fields off the front. Once something is missing all further ones are empty.
class Fields {
  public:
    explicit Fields(std::string_view bytes) : rest_(bytes) {}

    std::string_view text(std::size_t size) {
        is_good_ = is_good_ && size <= rest_.size();
        const std::string_view out = rest_.substr(0, is_good_ ? size : 0);
        rest_.remove_prefix(out.size());
        return out;
    }

    std::size_t number(std::size_t size) {
        std::size_t out = 0;
        for (const char c : text(size)) {
            out = out << 8U | static_cast<unsigned char>(c);
        }
        return out;
    }

    /// A text whose length stands before it, in that many bytes.
    std::string_view sized(std::size_t length_size) { return text(number(length_size)); }

    [[nodiscard]] bool is_good() const { return is_good_; }

    [[nodiscard]] bool has_more() const { return is_good_ && !rest_.empty(); }

  private:
    std::string_view rest_;
    bool is_good_ = true;
};

TlsVersion version_of(std::size_t number) {
    switch (number) {
        case 0x0002:
            return TlsVersion::Ssl2;
        case 0x0300:
            return TlsVersion::Ssl3;
        case 0x0301:
            return TlsVersion::Tls10;
        case 0x0302:
            return TlsVersion::Tls11;
        case 0x0303:
            return TlsVersion::Tls12;
        case 0x0304:
            return TlsVersion::Tls13;
        default:
            return TlsVersion::Unknown;
    }
}

// ---- extensions ----

// Two names, or two lists of protocols, are refused: whoever is asked next might read the other one.
bool read_server_name(std::string_view data, ClientHello& out) {
    Fields fields(data);
    Fields names(fields.sized(2));
    bool is_second = false;
    while (names.has_more()) {
        const bool is_host = names.number(1) == 0;
        const std::string_view name = names.sized(2);
        is_second = is_second || (is_host && !out.server_name.empty());
        out.server_name = is_host ? name : out.server_name;
    }
    return fields.is_good() && names.is_good() && !is_second;
}

bool read_protocols(std::string_view data, ClientHello& out) {
    Fields fields(data);
    const std::string_view list = fields.sized(2);
    Fields names(list);
    bool is_wrong = !out.protocols.empty();
    while (names.has_more()) {
        is_wrong = names.sized(1).empty() || is_wrong;
    }
    out.protocols = list;
    return fields.is_good() && names.is_good() && !is_wrong;
}

// RFC 8446 §4.2.1: this list counts, not the version of the message. It may name versions that
// nobody knows.
bool read_versions(std::string_view data, ClientHello& out) {
    Fields fields(data);
    Fields versions(fields.sized(1));
    while (versions.has_more()) {
        out.version = std::max(out.version, version_of(versions.number(2)));
    }
    return fields.is_good() && versions.is_good();
}

bool read_extension(std::size_t type, std::string_view data, ClientHello& out) {
    constexpr std::size_t kServerName = 0;
    constexpr std::size_t kProtocols = 16;
    constexpr std::size_t kVersions = 43;
    switch (type) {
        case kServerName:
            return read_server_name(data, out);
        case kProtocols:
            return read_protocols(data, out);
        case kVersions:
            return read_versions(data, out);
        default:
            return true;
    }
}

/// RFC 8446 §4.1.2; the same since TLS 1.0.
bool read_message(std::string_view message, ClientHello& out) {
    constexpr std::size_t kRandom = 32;
    Fields fields(message.substr(kMessageHead));
    out.version = version_of(fields.number(2));
    fields.text(kRandom);
    fields.sized(1);  // session id
    fields.sized(2);  // cipher suites
    fields.sized(1);  // compression
    if (!fields.has_more()) {
        return fields.is_good();  // without extensions, as old clients send it
    }
    Fields extensions(fields.sized(2));
    while (extensions.has_more()) {
        const std::size_t type = extensions.number(2);
        const std::string_view data = extensions.sized(2);
        if (!extensions.is_good() || !read_extension(type, data, out)) {
            return false;
        }
    }
    return fields.is_good() && extensions.is_good();
}

// ---- records ----

/// Walks over the message in its records, without putting it together.
struct Walk {
    HelloOutcome outcome = HelloOutcome::More;  ///< Read: the message is whole
    std::size_t size = 0;                       ///< of the message, its head included
    bool is_split = false;                      ///< it lies in several records
};

/// What a record's head says of its length; 0: it is none of a handshake, or not all there.
std::size_t record_size(std::string_view bytes, HelloOutcome& outcome) {
    const bool is_wrong = (!bytes.empty() && byte_at(bytes, 0) != kHandshake) ||
                          (bytes.size() > 1 && byte_at(bytes, 1) != kMajor);
    if (is_wrong || bytes.size() < kRecordHead) {
        outcome = is_wrong ? HelloOutcome::NoTls : HelloOutcome::More;
        return 0;
    }
    const std::size_t size = Fields(bytes.substr(kRecordHead - 2)).number(2);
    outcome = size == 0 || size > kMostRecord ? HelloOutcome::NoTls : HelloOutcome::More;
    return size > kMostRecord ? 0 : size;
}

Walk walk(std::string_view bytes) {
    Walk out;
    unsigned char head[kMessageHead] = {};
    for (std::size_t have = 0; !bytes.empty();) {
        const std::size_t size = record_size(bytes, out.outcome);
        if (size == 0) {
            return out;
        }
        const std::string_view content = bytes.substr(kRecordHead, size);
        for (std::size_t i = 0; i < content.size() && have + i < kMessageHead; ++i) {
            head[have + i] = byte_at(content, i);
        }
        out.is_split = have != 0;
        have += content.size();
        if (have > 0 && head[0] != kHello) {
            out.outcome = HelloOutcome::NoTls;
            return out;
        }
        out.size = kMessageHead + (std::size_t{head[1]} << 16U | std::size_t{head[2]} << 8U | head[3]);
        if (have >= kMessageHead && have >= out.size) {
            out.outcome = HelloOutcome::Read;
            return out;
        }
        bytes.remove_prefix(kRecordHead + content.size());
    }
    return out;
}

/// The message in one piece; data() == nullptr: no room.
std::string_view put_together(std::string_view bytes, const Walk& walked, Arena& arena) {
    if (!walked.is_split) {
        return bytes.substr(kRecordHead, walked.size);
    }
    char* const out = static_cast<char*>(arena.allocate(walked.size, 1));
    for (std::size_t have = 0; out != nullptr && have < walked.size;) {
        Fields fields(bytes.substr(kRecordHead - 2));
        const std::string_view content = bytes.substr(kRecordHead, fields.number(2));
        const std::size_t taken = std::min(content.size(), walked.size - have);
        std::copy_n(content.begin(), taken, out + have);
        have += taken;
        bytes.remove_prefix(kRecordHead + content.size());
    }
    return {out, out == nullptr ? 0 : walked.size};
}

// ---- version 2 ----

/// RFC 5246 §E.2: a record whose length has its high bit set.
HelloOutcome read_second(std::string_view bytes, ClientHello& out) {
    constexpr std::size_t kSecondHead = 5;  // length, type, version
    const bool is_wrong =
        (bytes.size() > 2 && byte_at(bytes, 2) != kHello) ||
        (bytes.size() > 3 && byte_at(bytes, 3) != 0 && byte_at(bytes, 3) != kMajor);
    if (is_wrong) {
        return HelloOutcome::NoTls;
    }
    if (bytes.size() < kSecondHead) {
        return HelloOutcome::More;
    }
    out.version = version_of(Fields(bytes.substr(3)).number(2));
    return HelloOutcome::Read;
}

}  // namespace

HelloOutcome read_client_hello(std::string_view bytes, Arena& arena, ClientHello& out) {
    out = {};
    if (!bytes.empty() && (byte_at(bytes, 0) & 0x80U) != 0) {
        return read_second(bytes, out);
    }
    const Walk walked = walk(bytes);
    if (walked.outcome != HelloOutcome::Read) {
        return walked.outcome;
    }
    const std::string_view message = put_together(bytes, walked, arena);
    if (message.data() == nullptr || !read_message(message, out)) {
        out = {};
        return HelloOutcome::NoTls;
    }
    return HelloOutcome::Read;
}

}  // namespace sluice::net
