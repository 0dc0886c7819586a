#include "plugin/loading/ElfCheck.h"

#include <bit>
#include <cstdint>
#include <cstring>
#include <elf.h>
#include <link.h>

namespace drover {

namespace {

constexpr unsigned char kClass = sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32;
constexpr unsigned char kData =
    std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;

#if defined(__x86_64__)
constexpr unsigned kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr unsigned kMachine = EM_AARCH64;
#elif defined(__riscv)
constexpr unsigned kMachine = EM_RISCV;
#elif defined(__powerpc64__)
constexpr unsigned kMachine = EM_PPC64;
#elif defined(__s390x__)
constexpr unsigned kMachine = EM_S390;
#else
constexpr unsigned kMachine = EM_NONE;  // Unknown here: the dynamic linker decides.
#endif

/// Returns true if [offset, offset + length) lies within a file of `size` bytes; without a sum that could overflow.
bool within(std::uint64_t offset, std::uint64_t length, std::uint64_t size) {
    return offset <= size && length <= size - offset;
}

std::string truncated(std::uint64_t size, const char* what) {
    return "truncated: " + std::to_string(size) + " bytes do not hold its " + what;
}

template <typename T>
bool readAt(std::string_view bytes, std::uint64_t offset, T& value) {
    if (!within(offset, sizeof(T), bytes.size())) {
        return false;
    }
    std::memcpy(&value, bytes.data() + offset, sizeof(T));
    return true;
}

}  // namespace

std::vector<std::string> uniqueSymbols(std::string_view bytes) {
    std::vector<std::string> names;
    ElfW(Ehdr) header;
    if (!readAt(bytes, 0, header) || header.e_shentsize != sizeof(ElfW(Shdr))) {
        return names;
    }
    const auto section = [&](std::uint64_t index, ElfW(Shdr) & found) {
        return index < header.e_shnum &&
               readAt(bytes, header.e_shoff + index * sizeof(found), found) &&
               within(found.sh_offset, found.sh_size, bytes.size());
    };
    for (unsigned i = 0; i < header.e_shnum; ++i) {
        ElfW(Shdr) symbols;
        ElfW(Shdr) strings;
        if (!section(i, symbols) || symbols.sh_type != SHT_DYNSYM ||
            !section(symbols.sh_link, strings)) {
            continue;
        }
        for (std::uint64_t at = 0; at + sizeof(ElfW(Sym)) <= symbols.sh_size;
             at += sizeof(ElfW(Sym))) {
            ElfW(Sym) symbol;
            if (!readAt(bytes, symbols.sh_offset + at, symbol) ||
                ELF64_ST_BIND(symbol.st_info) != STB_GNU_UNIQUE || symbol.st_shndx == SHN_UNDEF ||
                symbol.st_name >= strings.sh_size) {
                continue;
            }
            const std::string_view rest =
                bytes.substr(strings.sh_offset + symbol.st_name, strings.sh_size - symbol.st_name);
            names.emplace_back(rest.substr(0, rest.find('\0')));
        }
    }
    return names;
}

std::optional<std::string> elfComplaint(std::string_view bytes) {
    const std::uint64_t size = bytes.size();
    if (bytes.substr(0, SELFMAG) != std::string_view(ELFMAG, SELFMAG)) {
        return "not an ELF file; a plugin is a shared object made by the linker";
    }
    ElfW(Ehdr) header;
    if (size < sizeof(header)) {
        return truncated(size, "ELF header");
    }
    std::memcpy(&header, bytes.data(), sizeof(header));
    if (header.e_ident[EI_CLASS] != kClass || header.e_ident[EI_DATA] != kData) {
        return "made for another word size or byte order than this engine";
    }
    if (kMachine != EM_NONE && header.e_machine != kMachine) {
        return "made for ELF machine " + std::to_string(header.e_machine) +
               ", this engine runs on " + std::to_string(kMachine);
    }
    if (header.e_type != ET_DYN) {
        return "ELF type " + std::to_string(header.e_type) + ", a shared object has " +
               std::to_string(ET_DYN);
    }
    if (header.e_phnum == 0 || header.e_phentsize != sizeof(ElfW(Phdr))) {
        return "an ELF file without usable program headers";
    }
    if (!within(header.e_phoff, std::uint64_t{header.e_phnum} * header.e_phentsize, size)) {
        return truncated(size, "program headers");
    }
    for (unsigned i = 0; i < header.e_phnum; ++i) {
        ElfW(Phdr) program;
        std::memcpy(&program,
                    bytes.data() + header.e_phoff + std::size_t{i} * sizeof(program),
                    sizeof(program));
        if (program.p_type != PT_NULL && !within(program.p_offset, program.p_filesz, size)) {
            return truncated(size, "segments");
        }
    }
    // Linkers write the section headers last: they show a missing tail that no segment covers.
    if (header.e_shoff != 0 &&
        !within(header.e_shoff, std::uint64_t{header.e_shnum} * header.e_shentsize, size)) {
        return truncated(size, "section headers");
    }
    return std::nullopt;
}

}  // namespace drover
