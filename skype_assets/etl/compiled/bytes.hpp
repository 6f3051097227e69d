// Bytes of which it is known how many there will be, perhaps fifty million.
#pragma once

#include "text.hpp"

namespace compiled {

class Bytes {
  public:
    using value_type = char;

    // Room for so many. Much of it comes in pages of two megabytes, where the system has such: to clear five hundred
    // small ones for each of them takes five times as long.
    explicit Bytes(size_t room);
    Bytes(Bytes&& other) noexcept;
    ~Bytes();
    Bytes(const Bytes&) = delete;
    Bytes& operator=(const Bytes&) = delete;

    // Puts more behind them, for which there must be room.
    void append(Slice more);

    const char* data() const { return data_; }
    size_t size() const { return size_; }

  private:
    size_t room_, size_ = 0;
    char* data_;
};

}  // namespace compiled
