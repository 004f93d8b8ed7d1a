// libkms from C++: handles and data keys as objects with owners, failures as exceptions. The
// program has a namespace `kms` of its own, which the header must leave free. Valid from C++11 on.
//
// usage: raii DIR
#include "kms.h"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace kms {

class Error : public std::runtime_error {
public:
  explicit Error(const kms_error_t &error)
      : std::runtime_error(error.message), status(error.status), request_id(error.request_id) {}

  kms_status_t status;
  std::string request_id;
};

// Throws what a call reported. A temporary Check lends its error struct to the call in the same
// expression.
class Check {
public:
  operator kms_error_t *() {
    return &error_;
  }
  void operator()(kms_status_t status) const {
    if (status != KMS_OK)
      throw Error(error_);
  }

private:
  kms_error_t error_;
};

// Secret bytes, wiped when their owner goes. They can be moved, not copied.
class Secret {
public:
  explicit Secret(std::size_t size) : bytes_(size) {}
  Secret(Secret &&other) noexcept : bytes_(std::move(other.bytes_)) {
    other.bytes_.clear();
  }
  Secret(const Secret &) = delete;
  Secret &operator=(const Secret &) = delete;
  Secret &operator=(Secret &&) = delete;
  ~Secret() {
    kms_wipe(bytes_.data(), bytes_.size());
  }

  std::uint8_t *data() {
    return bytes_.data();
  }
  std::size_t size() const {
    return bytes_.size();
  }
  bool operator==(const Secret &other) const {
    return bytes_ == other.bytes_;
  }

private:
  std::vector<std::uint8_t> bytes_;
};

struct DataKey {
  Secret plaintext;
  std::vector<std::uint8_t> ciphertext;
  std::string key_id;
};

class Context {
public:
  Context() = default;
  explicit Context(const std::map<std::string, std::string> &pairs) {
    for (const auto &pair : pairs)
      entries_.push_back({pair.first.c_str(), pair.second.c_str()});
  }
  template <class Request> void lend(Request &request) const {
    request.context = entries_.data();
    request.context_len = entries_.size();
  }

private:
  std::vector<kms_context_entry_t> entries_;
};

class Store {
public:
  Store(const std::string &store, const std::vector<std::uint8_t> &root_key, std::uint32_t flags) {
    kms_open_options_t options = KMS_OPEN_OPTIONS_INIT;
    options.store = store.c_str();
    options.root_key.data = root_key.data();
    options.root_key.len = root_key.size();
    options.flags = flags;
    kms_t *opened = nullptr;
    Check check;
    check(kms_open(&options, &opened, check));
    handle_.reset(opened);
  }

  std::string create_key(const std::string &alias) {
    kms_create_key_request_t request = KMS_CREATE_KEY_REQUEST_INIT;
    kms_key_info_t info = KMS_KEY_INFO_INIT;
    request.alias = alias.c_str();
    Check check;
    check(kms_create_key(handle_.get(), &request, &info, check));
    return info.key_id;
  }

  DataKey generate(const std::string &key_id, const Context &context = Context()) {
    kms_data_key_request_t request = KMS_DATA_KEY_REQUEST_INIT;
    request.key_id = key_id.c_str();
    context.lend(request);
    // Ask for the sizes first: this wrapper knows nothing of formats.
    kms_buffer_t plaintext = {nullptr, 0, 0}, ciphertext = {nullptr, 0, 0};
    kms_error_t error;
    const kms_status_t status = kms_generate_data_key(handle_.get(), &request, &plaintext,
                                                      &ciphertext, nullptr, nullptr, &error);
    if (status != KMS_BUFFER_TOO_SMALL)
      throw Error(error);
    DataKey key{Secret(plaintext.len), std::vector<std::uint8_t>(ciphertext.len), {}};
    plaintext = {key.plaintext.data(), key.plaintext.size(), 0};
    ciphertext = {key.ciphertext.data(), key.ciphertext.size(), 0};
    kms_data_key_info_t info = KMS_DATA_KEY_INFO_INIT;
    Check check;
    check(kms_generate_data_key(handle_.get(), &request, &plaintext, &ciphertext, nullptr, &info,
                                check));
    key.key_id = info.key_id;
    return key;
  }

  Secret decrypt(const std::vector<std::uint8_t> &ciphertext, const Context &context = Context()) {
    kms_decrypt_request_t request = KMS_DECRYPT_REQUEST_INIT;
    request.ciphertext.data = ciphertext.data();
    request.ciphertext.len = ciphertext.size();
    context.lend(request);
    Secret secret(ciphertext.size() - KMS_CIPHERTEXT_OVERHEAD);
    kms_buffer_t plaintext = {secret.data(), secret.size(), 0};
    Check check;
    check(kms_decrypt(handle_.get(), &request, &plaintext, nullptr, check));
    return secret;
  }

private:
  struct Close {
    void operator()(kms_t *handle) const {
      kms_close(handle);
    }
  };
  std::unique_ptr<kms_t, Close> handle_;
};

} // namespace kms

static int checks = 0, failures = 0;

static void check(bool ok, const char *what) {
  ++checks;
  if (!ok) {
    ++failures;
    std::printf("FAILED: %s\n", what);
  }
}

template <class Call>
static void check_throws(kms_status_t status, const char *argument, Call call) {
  try {
    call();
    check(false, kms_status_name(status));
  } catch (const kms::Error &error) {
    check(error.status == status, kms_status_name(error.status));
    check(std::string(error.what()).find(argument) != std::string::npos, error.what());
    check(error.request_id.size() == KMS_REQUEST_ID_SIZE - 1, "a failure has a request id");
  }
}

static void tell_the_story(const std::string &path) {
  const std::vector<std::uint8_t> root_key(KMS_ROOT_KEY_SIZE, 0x42), short_key(31, 0x42);
  const std::map<std::string, std::string> tenant_7{{"tenant", "7"}}, tenant_8{{"tenant", "8"}};
  std::vector<std::uint8_t> kept;

  check_throws(KMS_NOT_FOUND, "KMS_OPEN_CREATE", [&] { kms::Store(path, root_key, 0); });
  check_throws(KMS_INVALID_ARGUMENT, "options.root_key",
               [&] { kms::Store(path, short_key, KMS_OPEN_CREATE); });
  {
    kms::Store store(path, root_key, KMS_OPEN_CREATE);
    const std::string id = store.create_key("alias/orders");
    check_throws(KMS_ALREADY_EXISTS, "alias/orders", [&] { store.create_key("alias/orders"); });
    kms::DataKey key = store.generate("alias/orders", kms::Context(tenant_7));
    check(key.key_id == id, "the resolved id");
    check(store.decrypt(key.ciphertext, kms::Context(tenant_7)) == key.plaintext,
          "the same data key");
    check_throws(KMS_INVALID_CIPHERTEXT, "context",
                 [&] { store.decrypt(key.ciphertext, kms::Context(tenant_8)); });
    kept = key.ciphertext;

    // One handle, many threads; each owns its data keys.
    std::vector<std::thread> threads;
    for (int number = 0; number < 4; number++)
      threads.emplace_back([&store] {
        for (int round = 0; round < 50; round++) {
          kms::DataKey mine = store.generate("alias/orders");
          kms::DataKey moved = std::move(mine);
          if (!(store.decrypt(moved.ciphertext) == moved.plaintext))
            std::abort();
        }
      });
    for (std::thread &thread : threads)
      thread.join();
  }
  kms::Store again(path, root_key, 0);
  check(again.decrypt(kept, kms::Context(tenant_7)).size() == 32,
        "opened after the store was closed");
}

int main(int argc, char **argv) {
  if (argc != 2) {
    std::fputs("usage: raii DIR\n", stderr);
    return 2;
  }
  try {
    tell_the_story("sqlite:" + std::string(argv[1]) + "/raii.db");
  } catch (const std::exception &error) {
    check(false, error.what());
  }
  std::printf("%d checks, %d failed\n", checks, failures);
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
