package kms

// #include "crossing.h"
// #cgo noescape kmsgo_exchange
// #cgo nocallback kmsgo_exchange
import "C"

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Dialect is a vendor's form of requests and responses.
type Dialect uint32

const (
	DialectYandexGRPC  Dialect = C.KMS_DIALECT_YANDEX_GRPC
	DialectYandexREST  Dialect = C.KMS_DIALECT_YANDEX_REST
	DialectAlibabaDKMS Dialect = C.KMS_DIALECT_ALIBABA_DKMS
	DialectQKMS        Dialect = C.KMS_DIALECT_QKMS
	DialectTencent     Dialect = C.KMS_DIALECT_TENCENT
	DialectAlibabaRPC  Dialect = C.KMS_DIALECT_ALIBABA_RPC
	DialectTencentV3   Dialect = C.KMS_DIALECT_TENCENT_V3
	DialectAWS         Dialect = C.KMS_DIALECT_AWS
)

// ExchangeRequest is a request in a vendor's form.
type ExchangeRequest struct {
	Dialect Dialect
	// Method is empty for POST, which gRPC has always.
	Method string
	// Target is "/path?query", or "/package.Service/Method" for gRPC.
	Target string
	Header http.Header
	// Body is for gRPC the bare message, without a length before it.
	Body []byte `json:"-"`
}

// ExchangeResponse is a response in the vendor's form. Printed, it shows no body, which may hold plaintext.
type ExchangeResponse struct {
	// HTTPStatus is 0 for gRPC.
	HTTPStatus int
	// GRPCStatus is -1 for HTTP.
	GRPCStatus int
	Header     http.Header
	// Body is for a gRPC error a google.rpc.Status, as in grpc-status-details-bin.
	Body []byte `json:"-"`
	// Status is what the same operation ends with natively; nil if it succeeded.
	Status error
	Detail Detail
	// RequestID is the request's id as the response says it.
	RequestID string
	// Message is grpc-message; for HTTP what the error means, for logs.
	Message string
}

// Exchange answers one request of a vendor's SDK, without a socket. A vendor's error (no such key) is an answer.
// Signatures are not checked.
func (k *KMS) Exchange(request ExchangeRequest) (*ExchangeResponse, error) {
	text := text{}.put(fieldMethod, request.Method).put(fieldTarget, request.Target)
	if err := text.check(); err != nil {
		return nil, err
	}
	lines, err := headerLines(request.Header)
	if err != nil {
		return nil, err
	}
	headers := make([]byte, C.KMS_EXCHANGE_MIN_HEADERS)
	body := make([]byte, C.KMS_EXCHANGE_MIN_CAPACITY)
	call := C.kmsgo_exchange_t{
		request_headers_len: C.size_t(len(lines)),
		request_body_len:    C.size_t(len(request.Body)),
		headers_len:         C.size_t(len(headers)),
		body_len:            C.size_t(len(body)),
	}
	err = k.with(func(h C.kmsgo_handle_t) *C.kms_error_t {
		return C.kmsgo_exchange(h, C.uint32_t(request.Dialect), &call, text.pointer(), pointer(lines),
			pointer(request.Body), pointer(headers), pointer(body))
	})
	if err != nil {
		return nil, err
	}
	// A copy of its length, so that a short answer does not keep the whole buffer.
	kept := bytes.Clone(body[:call.body_len])
	Wipe(body[:call.body_len])
	response := &ExchangeResponse{
		HTTPStatus: int(call.http_status),
		GRPCStatus: int(call.grpc_status),
		Header:     http.Header{},
		Body:       kept,
		Detail:     Detail(call.detail),
		RequestID:  string(chars(call.request_id[:])),
		Message:    string(chars(call.message[:])),
	}
	if call.status != C.KMS_OK {
		response.Status = Status(call.status)
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(string(headers[:call.headers_len]), "\r\n"), "\r\n") {
		if name, value, found := strings.Cut(line, ": "); found {
			response.Header.Add(name, value)
		}
	}
	return response, nil
}

// headerLines is a header as kms_exchange takes it.
func headerLines(header http.Header) ([]byte, error) {
	var lines []byte
	for name, values := range header {
		for _, value := range values {
			if strings.ContainsAny(name, ":\r\n\x00") || strings.ContainsAny(value, "\r\n\x00") {
				return nil, invalid("request.headers: a header has a line break or a NUL character")
			}
			lines = append(append(append(append(lines, name...), ": "...), value...), "\r\n"...)
		}
	}
	return lines, nil
}

// RoundTripper lets the KMS answer what a vendor's Go SDK sends, in place of a connection: it goes into the HTTP client
// of the SDK. The dialect is one over HTTP.
//
//	client := awskms.New(awskms.Options{HTTPClient: &http.Client{Transport: kms.RoundTripper(k, kms.DialectAWS)}, ...})
func RoundTripper(k *KMS, dialect Dialect) http.RoundTripper {
	return &roundTripper{k, dialect}
}

type roundTripper struct {
	kms     *KMS
	dialect Dialect
}

func (r *roundTripper) RoundTrip(request *http.Request) (*http.Response, error) {
	var body []byte
	if request.Body != nil {
		defer request.Body.Close()
		read, err := io.ReadAll(request.Body)
		if err != nil {
			return nil, err
		}
		body = read
		defer Wipe(body)
	}
	if err := request.Context().Err(); err != nil {
		return nil, err
	}
	answer, err := r.kms.Exchange(ExchangeRequest{
		Dialect: r.dialect,
		Method:  request.Method,
		Target:  request.URL.RequestURI(),
		Header:  request.Header,
		Body:    body,
	})
	if err != nil {
		return nil, err
	}
	if answer.HTTPStatus == 0 {
		return nil, invalid("dialect: is one over gRPC, which no RoundTripper carries")
	}
	return &http.Response{
		Status:        strconv.Itoa(answer.HTTPStatus) + " " + http.StatusText(answer.HTTPStatus),
		StatusCode:    answer.HTTPStatus,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        answer.Header,
		Body:          &wipedBody{Reader: bytes.NewReader(answer.Body), bytes: answer.Body},
		ContentLength: int64(len(answer.Body)),
		Request:       request,
	}, nil
}

// wipedBody is the body of a response, which is overwritten when it is closed.
type wipedBody struct {
	*bytes.Reader
	bytes []byte
}

func (b *wipedBody) Close() error {
	b.Reader.Reset(nil)
	Wipe(b.bytes)
	return nil
}
