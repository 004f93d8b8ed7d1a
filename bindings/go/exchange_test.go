package kms

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

func awsRequest(operation, body string) ExchangeRequest {
	return ExchangeRequest{
		Dialect: DialectAWS,
		Target:  "/",
		Header:  http.Header{"X-Amz-Target": {"TrentService." + operation}},
		Body:    []byte(body),
	}
}

func TestExchange(t *testing.T) {
	k := openFile(t)
	createKey(t, k, "k")
	answer, err := k.Exchange(awsRequest("GenerateDataKey", `{"KeyId":"k","NumberOfBytes":7}`))
	check(t, "Exchange", err)
	if answer.HTTPStatus != 200 || answer.GRPCStatus != -1 || answer.Status != nil || answer.Message != "" {
		t.Errorf("got %+v", answer)
	}
	if answer.Header.Get("x-amzn-requestid") != answer.RequestID || len(answer.RequestID) != 36 {
		t.Errorf("request id %q, header %v", answer.RequestID, answer.Header)
	}
	var made struct {
		KeyID     string `json:"KeyId"`
		Plaintext []byte
	}
	check(t, "the body", json.Unmarshal(answer.Body, &made))
	if made.KeyID != "arn:aws:kms:local:000000000000:key/k" || len(made.Plaintext) != 7 {
		t.Errorf("got %d bytes under %q", len(made.Plaintext), made.KeyID)
	}

	answer, err = k.Exchange(awsRequest("GenerateDataKey", `{"KeyId":"missing","NumberOfBytes":7}`))
	check(t, "an error of the vendor", err)
	if answer.HTTPStatus != 400 || !errors.Is(answer.Status, ErrNotFound) || answer.Detail != DetailKey || answer.Message == "" {
		t.Errorf("got %+v", answer)
	}

	_, err = k.Exchange(ExchangeRequest{Dialect: 99, Target: "/"})
	expect(t, "no dialect", err, ErrInvalidArgument)
	for _, header := range []http.Header{{"A": {"b\r\nX-Amz-Target: x"}}, {"A:": {"b"}}, {"A": {"\x00"}}} {
		request := awsRequest("GenerateDataKey", "{}")
		request.Header = header
		_, err = k.Exchange(request)
		expect(t, "a bad header", err, ErrInvalidArgument)
	}
}

// closing notes whether it was closed.
type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error {
	c.closed = true
	return nil
}

func TestRoundTripper(t *testing.T) {
	k := openFile(t)
	createKey(t, k, "k")
	send := func(ctx context.Context, dialect Dialect) (*http.Response, error) {
		body := &closing{Reader: strings.NewReader(`{"KeyId":"k","NumberOfBytes":7}`)}
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://kms.invalid/", body)
		check(t, "the request", err)
		request.Header.Set("X-Amz-Target", "TrentService.GenerateDataKey")
		response, err := RoundTripper(k, dialect).RoundTrip(request)
		if !body.closed {
			t.Error("the request's body was not closed")
		}
		return response, err
	}
	response, err := send(context.Background(), DialectQKMS)
	check(t, "RoundTrip", err)
	if response.Status != "200 OK" || response.StatusCode != 200 || response.ContentLength < 2 || response.Header.Get("Content-Type") == "" {
		t.Errorf("got %+v", response)
	}
	inside := response.Body.(*wipedBody).bytes
	text, err := io.ReadAll(response.Body)
	check(t, "the body", err)
	if !strings.Contains(string(text), "arn:verenc:000000000000:key/k") {
		t.Errorf("got %d bytes", len(text))
	}
	check(t, "Close", response.Body.Close())
	for _, b := range inside {
		if b != 0 {
			t.Fatal("a closed body still holds something")
		}
	}
	if n, err := response.Body.Read(make([]byte, 8)); n != 0 || err == nil {
		t.Errorf("a closed body gives %d bytes", n)
	}

	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = send(cancelled, DialectAWS)
	expect(t, "cancelled", err, context.Canceled)
	_, err = send(context.Background(), DialectYandexGRPC)
	expect(t, "gRPC", err, ErrInvalidArgument)
}
