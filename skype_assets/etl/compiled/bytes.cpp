#include "bytes.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <new>
#include <stdexcept>
#include <utility>

namespace compiled {

namespace {

bool is_mapped(size_t room) { return room >= size_t{4} << 20; }

char* mapped(size_t room) {
    void* memory = mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
    madvise(memory, room, MADV_HUGEPAGE);  // a wish: without such pages it is memory, too
#endif
    return static_cast<char*>(memory);
}

}  // namespace

Bytes::Bytes(size_t room) : room_(room), data_(is_mapped(room) ? mapped(room) : new char[room]) {}

Bytes::Bytes(Bytes&& other) noexcept
    : room_(std::exchange(other.room_, 0)), size_(other.size_), data_(std::exchange(other.data_, nullptr)) {}

Bytes::~Bytes() {
    if (is_mapped(room_)) {
        munmap(data_, room_);
    } else {
        delete[] data_;
    }
}

void Bytes::append(Slice more) {
    if (more.size() > room_ - size_) throw std::length_error("there is no room");
    std::copy(more.begin(), more.end(), data_ + size_);
    size_ += more.size();
}

}  // namespace compiled
