// The story of a data key through @aws-sdk/client-kms, unmodified, and the SDK's own typed errors.

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";

import * as sdk from "@aws-sdk/client-kms";

import { Dialect, Kms, KmsRequestHandler } from "./libkms.mjs";

const ACCOUNT = "111122223333";
const START = {
  QKMS: `arn:verenc:${ACCOUNT}:key/`,
  AWS: `arn:aws:kms:us-east-1:${ACCOUNT}:key/`,
};

for (const [name, dialect] of Object.entries(Dialect)) {
  describe(name, () => {
    const kms = new Kms({
      store: "memory:",
      rootKey: Buffer.alloc(32, 7),
      accountId: ACCOUNT,
      region: "us-east-1",
      create: true,
    });
    after(() => kms.close());
    const client = new sdk.KMSClient({
      region: "us-east-1",
      credentials: { accessKeyId: "any", secretAccessKey: "any" },
      maxAttempts: 1,
      requestHandler: new KmsRequestHandler(kms, dialect),
    });
    const send = (operation, input) => client.send(new sdk[`${operation}Command`](input));
    const createKey = async () => (await send("CreateKey", {})).KeyMetadata.KeyId;
    const refused = (type, operation, input) => assert.rejects(send(operation, input), sdk[type] ?? { name: type });

    test("the story", async () => {
      const KeyId = await createKey();
      await send("CreateAlias", { AliasName: "alias/orders", TargetKeyId: KeyId });
      const EncryptionContext = { tenant: "7", "\u0431": "\"\\" };
      const made = await send("GenerateDataKey", { KeyId: "alias/orders", KeySpec: "AES_256", EncryptionContext });
      assert.equal(made.KeyId, START[name] + KeyId);
      assert.equal(made.Plaintext.length, 32);
      assert.match(made.$metadata.requestId, /^[0-9a-f-]{36}$/);
      const { CiphertextBlob } = made;
      const opened = await send("Decrypt", { CiphertextBlob, EncryptionContext });
      assert.deepEqual(opened.Plaintext, made.Plaintext);

      await refused("InvalidCiphertextException", "Decrypt", { CiphertextBlob, EncryptionContext: { tenant: "8" } });
      await refused("NotFoundException", "GenerateDataKey", { KeyId: "missing", KeySpec: "AES_256" });
      const other = await createKey();
      await refused("IncorrectKeyException", "Decrypt", { CiphertextBlob, EncryptionContext, KeyId: other });
      await refused("DryRunOperationException", "GenerateDataKey", { KeyId, KeySpec: "AES_128", DryRun: true });
      const GrantTokens = ["never-issued"];
      await refused("InvalidGrantTokenException", "GenerateDataKey", { KeyId, KeySpec: "AES_128", GrantTokens });
      await refused("AlreadyExistsException", "CreateAlias", { AliasName: "alias/orders", TargetKeyId: KeyId });
      await send("DisableKey", { KeyId });
      await refused("DisabledException", "GenerateDataKey", { KeyId: "alias/orders", KeySpec: "AES_256" });
      await send("ScheduleKeyDeletion", { KeyId, PendingWindowInDays: 7 });
      await refused("KMSInvalidStateException", "Encrypt", { KeyId, Plaintext: Buffer.from("x") });
    });

    test("limits", async () => {
      const KeyId = await createKey();
      for (const NumberOfBytes of [1, 1024]) {
        const made = await send("GenerateDataKey", { KeyId, NumberOfBytes });
        assert.equal(made.Plaintext.length, NumberOfBytes);
        assert.equal((await send("GenerateRandom", { NumberOfBytes })).Plaintext.length, NumberOfBytes);
      }
      for (const NumberOfBytes of [-1, 0, 1025]) {
        await refused("ValidationException", "GenerateDataKey", { KeyId, NumberOfBytes });
        await refused("ValidationException", "GenerateRandom", { NumberOfBytes });
      }
      await send("Encrypt", { KeyId, Plaintext: Buffer.alloc(4096) });
      await refused("ValidationException", "Encrypt", { KeyId, Plaintext: Buffer.alloc(4097) });
      await refused("ValidationException", "GenerateDataKey", { KeyId });
      await refused("ValidationException", "GenerateDataKey", { KeyId, NumberOfBytes: 32, KeySpec: "AES_256" });
    });

    test("management", async () => {
      const KeyId = await createKey();
      const { KeyMetadata } = await send("DescribeKey", { KeyId });
      assert.equal(KeyMetadata.Arn, START[name] + KeyId);
      assert.equal(KeyMetadata.AWSAccountId, ACCOUNT);
      assert.ok(KeyMetadata.CreationDate instanceof Date && KeyMetadata.CreationDate.getFullYear() >= 2024);
      const listed = [];
      for await (const page of sdk.paginateListKeys({ client, pageSize: 2 }, {})) listed.push(...page.Keys);
      assert.ok(listed.some((key) => key.KeyId === KeyId));
      await send("EnableKeyRotation", { KeyId, RotationPeriodInDays: 90 });
      assert.equal((await send("GetKeyRotationStatus", { KeyId })).RotationPeriodInDays, 90);
      await send("RotateKeyOnDemand", { KeyId });
      assert.equal((await send("ListKeyRotations", { KeyId })).Rotations[0].RotationType, "ON_DEMAND");
      const tag = { TagKey: "team", TagValue: "a" };
      await send("TagResource", { KeyId, Tags: [tag] });
      await refused("TagException", "TagResource", { KeyId, Tags: [tag, tag] });
      await refused("InvalidMarkerException", "ListKeys", { Marker: "none" });
      const SigningAlgorithm = "ECDSA_SHA_256";
      await refused("UnsupportedOperationException", "Sign", { KeyId, Message: Buffer.from("m"), SigningAlgorithm });
    });
  });
}
