// libkms in Node: a store through the C ABI (koffi calls it), and a request handler that puts it under the AWS SDK for
// JavaScript. It has what that needs and no more.

import koffi from "koffi";

const CREATE = 1;
const MIN_CAPACITY = 131072;
const MIN_HEADERS = 4096;

export const Dialect = { QKMS: 4, AWS: 8 };

const lib = koffi.load(process.env.LIBKMS_PATH ?? "libkms.so.0");
const Bytes = koffi.struct("kms_bytes_t", { data: "uint8_t *", len: "size_t" });
const Buffer_ = koffi.struct("kms_buffer_t", { data: "uint8_t *", capacity: "size_t", len: "size_t" });
const OpenOptions = koffi.struct("kms_open_options_t", {
  struct_size: "size_t",
  store: "const char *",
  root_key: Bytes,
  passphrase: Bytes,
  root_key_uri: "const char *",
  account_id: "const char *",
  region: "const char *",
  flags: "uint32_t",
  max_staleness_ms: "uint32_t",
  timeout_ms: "uint32_t",
  reserved: "uint32_t",
  audit_log: "const char *",
  audit_data: "uint32_t",
  audit_flags: "uint32_t",
  audit_max_kib: "uint32_t",
  reserved2: "uint32_t",
});
const KmsError = koffi.struct("kms_error_t", {
  status: "int32_t",
  detail: "uint32_t",
  native_code: "int64_t",
  flags: "uint32_t",
  reserved: "uint32_t",
  request_id: koffi.array("char", 40, "String"),
  message: koffi.array("char", 448, "String"),
});
const ExchangeRequest = koffi.struct("kms_exchange_request_t", {
  struct_size: "size_t",
  method: "const char *",
  target: "const char *",
  headers: Bytes,
  body: Bytes,
  flags: "uint32_t",
  reserved: "uint32_t",
});
const ExchangeResponse = koffi.struct("kms_exchange_response_t", {
  struct_size: "size_t",
  headers: Buffer_,
  body: Buffer_,
  http_status: "int32_t",
  grpc_status: "int32_t",
  status: "int32_t",
  detail: "uint32_t",
  request_id: koffi.array("char", 40, "String"),
  message: koffi.array("char", 448, "String"),
});
const Handle = koffi.opaque("kms_t");
const kms_open = lib.func("kms_open", "int32_t", [
  koffi.pointer(OpenOptions),
  koffi.out(koffi.pointer(Handle, 2)),
  koffi.out(koffi.pointer(KmsError)),
]);
const kms_close = lib.func("kms_close", "void", [koffi.pointer(Handle)]);
const kms_exchange = lib.func("kms_exchange", "int32_t", [
  koffi.pointer(Handle),
  "uint32_t",
  koffi.pointer(ExchangeRequest),
  koffi.inout(koffi.pointer(ExchangeResponse)),
  koffi.out(koffi.pointer(KmsError)),
]);

const NONE = { data: null, len: 0 };
const bytes = (data) => (data.length === 0 ? NONE : { data, len: data.length });

function check(status, error) {
  if (status !== 0) throw new Error(`libkms: ${error.message} (status ${status})`);
}

export class Kms {
  constructor({ store, rootKey, accountId = null, region = null, create = false }) {
    const options = {
      struct_size: koffi.sizeof(OpenOptions),
      store,
      root_key: bytes(rootKey),
      passphrase: NONE,
      root_key_uri: null,
      account_id: accountId,
      region,
      flags: create ? CREATE : 0,
      max_staleness_ms: 0,
      timeout_ms: 0,
      reserved: 0,
      audit_log: null,
      audit_data: 0,
      audit_flags: 0,
      audit_max_kib: 0,
      reserved2: 0,
    };
    const [out, error] = [[null], {}];
    check(kms_open(options, out, error), error);
    [this.handle] = out;
  }

  exchange(dialect, method, target, headers, body) {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const request = {
      struct_size: koffi.sizeof(ExchangeRequest),
      method,
      target,
      headers: bytes(Buffer.from(lines.join(""))),
      body: bytes(body),
      flags: 0,
      reserved: 0,
    };
    // Memory of koffi's, which stays where it is during the call.
    const [bodyMemory, headersMemory] = [koffi.alloc("uint8_t", MIN_CAPACITY), koffi.alloc("uint8_t", MIN_HEADERS)];
    try {
      const response = {
        struct_size: koffi.sizeof(ExchangeResponse),
        headers: { data: headersMemory, capacity: MIN_HEADERS, len: 0 },
        body: { data: bodyMemory, capacity: MIN_CAPACITY, len: 0 },
        http_status: 0,
        grpc_status: 0,
        status: 0,
        detail: 0,
        request_id: "",
        message: "",
      };
      const error = {};
      check(kms_exchange(this.handle, dialect, request, response, error), error);
      const read = (memory, len) =>
        len == 0
          ? new Uint8Array()
          : Uint8Array.from(koffi.decode(memory, koffi.array("uint8_t", Number(len), "Array")));
      const text = Buffer.from(read(headersMemory, response.headers.len)).toString();
      const answered = text.split("\r\n").filter(Boolean).map((line) => line.split(": "));
      return {
        status: response.http_status,
        headers: Object.fromEntries(answered.map(([name, value]) => [name.toLowerCase(), value])),
        body: read(bodyMemory, response.body.len),
      };
    } finally {
      koffi.free(bodyMemory);
      koffi.free(headersMemory);
    }
  }

  close() {
    kms_close(this.handle);
    this.handle = null;
  }
}

/** What an SDK client takes as its `requestHandler`. */
export class KmsRequestHandler {
  metadata = { handlerProtocol: "http/1.1" };

  constructor(kms, dialect = Dialect.AWS) {
    this.kms = kms;
    this.dialect = dialect;
  }

  async handle(request) {
    const body = typeof request.body === "string" ? Buffer.from(request.body) : (request.body ?? Buffer.alloc(0));
    const answer = this.kms.exchange(this.dialect, request.method, request.path, request.headers, body);
    return { response: { statusCode: answer.status, headers: answer.headers, body: answer.body } };
  }

  updateHttpClientConfig() {}

  httpHandlerConfigs() {
    return {};
  }

  destroy() {}
}
