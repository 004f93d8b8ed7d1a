//! SoftHSM2 as a program would use any HSM: C_GenerateRandom, and C_Encrypt with a key that stays in the token. The token
//! is made where SOFTHSM2_CONF says.

use std::hint::black_box;
use std::path::Path;
use std::sync::LazyLock;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::Result;
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::{Attribute, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;

/// Where distributions put it.
const MODULES: [&str; 5] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
];

static MODULE: LazyLock<Pkcs11> = LazyLock::new(|| {
    let path = MODULES.into_iter().find(|path| Path::new(path).exists()).expect("SoftHSM2");
    let module = Pkcs11::new(path).expect("SoftHSM2");
    module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).expect("C_Initialize");
    module
});

thread_local! {
    static OPEN: (Session, ObjectHandle) = {
        let session = logged_in().expect("a session");
        let key = new_key(&session).expect("a key");
        (session, key)
    };
}

fn logged_in() -> Result<Session> {
    let slot = MODULE.get_slots_with_token()?.remove(0);
    let pin = AuthPin::new("1234".into());
    if !MODULE.get_token_info(slot)?.token_initialized() {
        MODULE.init_token(slot, &pin, "bench")?;
        let session = MODULE.open_rw_session(slot)?;
        session.login(UserType::So, Some(&pin))?;
        session.init_pin(&pin)?;
        session.logout()?;
        session.close()?;
        return logged_in(); // the slot has another number now
    }
    let session = MODULE.open_rw_session(slot)?;
    session.login(UserType::User, Some(&pin))?;
    Ok(session)
}

fn new_key(session: &Session) -> Result<ObjectHandle> {
    let template = [Attribute::ValueLen(32.into()), Attribute::Encrypt(true), Attribute::Sensitive(true)];
    session.generate_key(&Mechanism::AesKeyGen, &template)
}

fn data_key(session: &Session, key: ObjectHandle) -> Result<()> {
    let mut random = [0; 44];
    session.generate_random_slice(&mut random)?;
    let (data_key, iv) = random.split_at_mut(32);
    let mechanism = Mechanism::AesGcm(GcmParams::new(iv, &super::AAD, 128.into())?);
    black_box(session.encrypt(&mechanism, key, data_key)?);
    Ok(())
}

pub fn data_keys(calls: usize) {
    OPEN.with(|(session, key)| (0..calls).try_for_each(|_| data_key(session, *key)).expect("a data key"));
}
