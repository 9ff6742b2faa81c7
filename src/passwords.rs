//! Passwords: hashed with argon2id, compared in a time that tells nothing, and never more of them at once than the machine
//! can bear.
//!
//! A comparison takes tens of megabytes and tens of milliseconds by design, so a few hundred at once would be an attack that
//! we carry out on ourselves. They wait for a place instead, away from the threads that answer requests. Whoever names a
//! login that nobody has waits as long as everybody else: the same work is done against a hash of nothing. One processor is
//! left to everything else, so that a flood of sign-ins does not slow down the requests of people who are signed in.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash as Phc;
use argon2::password_hash::{CustomizedPasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use tokio::sync::Semaphore;
use tokio::task;

use crate::model::oauth::Password;
use crate::random::{self, Random, RandomError};
use crate::store::state::PasswordHash;

/// The second choice of RFC 9106, section 4, with a quarter of its memory: OWASP's minimum of 19 MiB and 2 passes.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const OUTPUT_BYTES: usize = 32;

/// How many are hashed at once where there are processors enough: 76 MiB.
const MOST_AT_ONCE: usize = 4;

/// How many wait for that: two seconds' work.
const WAITING: usize = 64;

/// Why a password could not be hashed or compared. Nothing is known of it then.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// There were no random bytes for a salt.
    #[error("no salt could be made")]
    Random(#[from] RandomError),
    /// The hash function refused.
    #[error("a password could not be hashed")]
    Hash(#[source] argon2::password_hash::Error),
    /// The parameters are not ones of the hash function.
    #[error("the parameters of the password hash are wrong")]
    Parameters(#[source] argon2::Error),
    /// Too many wait already.
    #[error("{WAITING} passwords wait to be compared already")]
    Busy,
    /// The server is ending.
    #[error("passwords are not compared any more: the server is ending")]
    Ending,
}

/// What a comparison came to.
#[derive(Debug)]
pub enum Comparison {
    /// It is another password.
    Other,
    /// It is the same.
    Same,
    /// It is the same, and was hashed as it was done in earlier times; this is its hash as of today.
    SameOutdated(PasswordHash),
}

/// Hashes and compares passwords.
pub struct Passwords {
    places: Arc<Semaphore>,
    queue: Semaphore,
    random: Arc<dyn Random>,
    /// What a password is compared with where there is no account: nobody knows what it is a hash of.
    nobody: PasswordHash,
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").field("places", &self.places.available_permits()).finish_non_exhaustive()
    }
}

impl Passwords {
    /// Gets ready.
    pub fn new(random: Arc<dyn Random>) -> Result<Self, PasswordError> {
        let nobody = of_nothing(random::bytes(random.as_ref())?, random::bytes(random.as_ref())?);
        Ok(Self {
            places: Arc::new(Semaphore::new(at_once(processors()))),
            queue: Semaphore::new(WAITING),
            random,
            nobody,
        })
    }

    /// Hashes a password that is set.
    pub async fn hash(&self, password: Password) -> Result<PasswordHash, PasswordError> {
        let salt: [u8; 16] = random::bytes(self.random.as_ref())?;
        self.at_a_place(move || hashed(password.expose().as_bytes(), salt)).await
    }

    /// Says whether this is the password behind the hash. Without a hash it is not, and that takes as long.
    pub async fn verify(&self, password: Password, hash: Option<PasswordHash>) -> Result<Comparison, PasswordError> {
        if password.expose().len() > Password::MOST_BYTES {
            // Nobody has such a password, and a stranger knows that: the length tells nothing of an account.
            return Ok(Comparison::Other);
        }
        let salt: [u8; 16] = random::bytes(self.random.as_ref())?;
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.nobody.clone());
        self.at_a_place(move || {
            if !is(&password, &hash)? || !known {
                Ok(Comparison::Other)
            } else if is_outdated(&hash) {
                hashed(password.expose().as_bytes(), salt).map(Comparison::SameOutdated)
            } else {
                Ok(Comparison::Same)
            }
        })
        .await
    }

    /// The work keeps its place until it is done: whoever asked for it may be gone by then, and the memory is taken all the
    /// same.
    async fn at_a_place<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let waiting = self.queue.try_acquire().map_err(|_| PasswordError::Busy)?;
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| PasswordError::Ending)?;
        drop(waiting);
        let work = move || {
            let _place = place;
            work()
        };
        task::spawn_blocking(work).await.map_err(|_| PasswordError::Ending)?
    }
}

/// How many processors there are; one, where that cannot be known.
fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// How many are hashed at once: one processor stays free, where there is more than one.
fn at_once(processors: usize) -> usize {
    processors.saturating_sub(1).clamp(1, MOST_AT_ONCE)
}

fn hashed(password: &[u8], salt: [u8; 16]) -> Result<PasswordHash, PasswordError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(OUTPUT_BYTES)).map_err(PasswordError::Parameters)?;
    let phc = Argon2::default()
        .hash_password_customized(
            password,
            &salt,
            Some(Algorithm::Argon2id.as_str()),
            Some(Version::V0x13.into()),
            params,
        )
        .map_err(PasswordError::Hash)?;
    Ok(PasswordHash::new(phc.to_string()))
}

/// What a hash of today looks like, of nothing at all: to compare with it is the same work, and to make it is none.
fn of_nothing(salt: [u8; 16], output: [u8; OUTPUT_BYTES]) -> PasswordHash {
    let (salt, output) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(output));
    let (algorithm, version) = (Algorithm::Argon2id.as_str(), u32::from(Version::V0x13));
    let phc = format!("${algorithm}$v={version}$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${output}");
    PasswordHash::new(phc)
}

/// Says whether a hash was made with other parameters than those of today.
fn is_outdated(hash: &PasswordHash) -> bool {
    let Ok(phc) = Phc::new(hash.as_phc()) else { return true };
    let current =
        Params::try_from(&phc).is_ok_and(|p| (p.m_cost(), p.t_cost(), p.p_cost()) == (MEMORY_KIB, PASSES, LANES));
    phc.algorithm.as_str() != Algorithm::Argon2id.as_str() || !current
}

fn is(password: &Password, hash: &PasswordHash) -> Result<bool, PasswordError> {
    let phc = Phc::new(hash.as_phc()).map_err(|error| PasswordError::Hash(error.into()))?;
    match Argon2::default().verify_password(password.expose().as_bytes(), &phc) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(PasswordError::Hash(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::random::OsRandom;

    fn password(text: &str) -> Password {
        Password::new(text.to_owned())
    }

    #[tokio::test]
    async fn a_password_is_known_again_and_no_other_is() {
        let passwords = Passwords::new(Arc::new(OsRandom)).unwrap();
        let hash = passwords.hash(password("correct horse battery")).await.unwrap();
        assert!(hash.as_phc().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.as_phc());
        assert!(!hash.as_phc().contains("horse") && format!("{hash:?}") == "[hash]");
        let is = async |text: &str, hash: Option<&PasswordHash>| {
            passwords.verify(password(text), hash.cloned()).await.unwrap()
        };
        assert!(matches!(is("correct horse battery", Some(&hash)).await, Comparison::Same));
        assert!(matches!(is("correct horse batterY", Some(&hash)).await, Comparison::Other));
        assert!(matches!(is("", Some(&hash)).await, Comparison::Other));
        assert!(matches!(is("correct horse battery", None).await, Comparison::Other));
        assert!(matches!(is(&"x".repeat(2000), Some(&hash)).await, Comparison::Other));
        let again = passwords.hash(password("correct horse battery")).await.unwrap();
        assert_ne!(again.as_phc(), hash.as_phc());
    }

    #[tokio::test]
    async fn a_hash_of_earlier_times_is_made_anew_by_whoever_knows_the_password() {
        let passwords = Passwords::new(Arc::new(OsRandom)).unwrap();
        let weak = Argon2::default()
            .hash_password_customized(
                b"correct horse battery",
                &[1; 16],
                None,
                None,
                Params::new(1024, 1, 1, None).unwrap(),
            )
            .unwrap();
        let weak = PasswordHash::new(weak.to_string());
        let wrong = passwords.verify(password("a guess"), Some(weak.clone())).await.unwrap();
        assert!(matches!(wrong, Comparison::Other));
        let known = passwords.verify(password("correct horse battery"), Some(weak)).await.unwrap();
        let Comparison::SameOutdated(renewed) = known else { panic!("{known:?}") };
        let known = passwords.verify(password("correct horse battery"), Some(renewed)).await.unwrap();
        assert!(matches!(known, Comparison::Same));
    }

    /// All but salt and output, which are as long.
    #[tokio::test]
    async fn a_hash_of_nothing_is_in_form_one_of_today() {
        let passwords = Passwords::new(Arc::new(OsRandom)).unwrap();
        let real = passwords.hash(password("correct horse battery")).await.unwrap();
        let form = |hash: &PasswordHash| {
            let fields: Vec<String> = hash.as_phc().split('$').map(ToOwned::to_owned).collect();
            (fields[..4].to_vec(), fields[4..].iter().map(String::len).collect::<Vec<_>>())
        };
        assert_eq!(form(&passwords.nobody), form(&real));
        assert!(!is(&password("correct horse battery"), &passwords.nobody).unwrap());
    }

    #[tokio::test]
    async fn a_stored_hash_that_is_none_is_an_error_and_no_refusal() {
        let passwords = Passwords::new(Arc::new(OsRandom)).unwrap();
        let broken = PasswordHash::new("plain".to_owned());
        assert!(passwords.verify(password("plain"), Some(broken)).await.is_err());
    }

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "what is measured is the time that a stranger can measure")]
    async fn an_unknown_login_takes_as_long_as_a_wrong_password() {
        let passwords = Passwords::new(Arc::new(OsRandom)).unwrap();
        let hash = passwords.hash(password("correct horse battery")).await.unwrap();
        let mut fastest = [Duration::MAX; 2];
        for _ in 0..8 {
            for (place, hash) in [Some(hash.clone()), None].into_iter().enumerate() {
                let begun = Instant::now();
                let compared = passwords.verify(password("guess"), hash).await.unwrap();
                assert!(matches!(compared, Comparison::Other));
                fastest[place] = fastest[place].min(begun.elapsed());
            }
        }
        let [known, unknown] = fastest;
        assert!(unknown * 2 > known && known * 2 > unknown, "{known:?} {unknown:?}");
    }

    #[test]
    fn a_processor_is_left_to_the_requests() {
        assert_eq!([0, 1, 2, 3, 5, 64].map(at_once), [1, 1, 1, 2, 4, 4]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_more_than_a_few_are_hashed_at_once() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let passwords = Passwords::new(Arc::new(OsRandom)).unwrap();
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let work = || {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            passwords.at_a_place(move || {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(2));
                now.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            })
        };
        futures_util::future::join_all((0..40).map(|_| work())).await;
        assert!(most.load(Ordering::SeqCst) <= at_once(processors()), "{most:?}");
    }

    #[tokio::test]
    async fn a_queue_that_is_full_refuses_at_once_and_one_that_leaves_makes_room() {
        let passwords = Passwords::new(Arc::new(OsRandom)).unwrap();
        // Whoever has a place, or is given one later, and is not asked again keeps it.
        let mut asked: Vec<_> =
            (0..at_once(processors()) + WAITING).map(|_| Box::pin(passwords.verify(password("guess"), None))).collect();
        for waiting in &mut asked {
            assert!(futures_util::poll!(waiting).is_pending());
        }
        let refused = passwords.verify(password("guess"), None).await;
        assert!(matches!(refused, Err(PasswordError::Busy)), "{refused:?}");
        drop(asked);
        let compared = passwords.verify(password("guess"), None).await;
        assert!(matches!(compared, Ok(Comparison::Other)), "{compared:?}");
    }

    #[tokio::test]
    async fn whoever_hangs_up_leaves_no_place_while_their_password_is_still_hashed() {
        let passwords = Passwords::new(Arc::new(OsRandom)).unwrap();
        let all_and_the_test = Arc::new(std::sync::Barrier::new(at_once(processors()) + 1));
        for _ in 0..at_once(processors()) {
            let held = Arc::clone(&all_and_the_test);
            let mut asked = Box::pin(passwords.at_a_place(move || Ok(held.wait().is_leader())));
            assert!(futures_util::poll!(&mut asked).is_pending());
            drop(asked);
        }
        let free = passwords.places.available_permits();
        all_and_the_test.wait();
        assert_eq!(free, 0, "nobody listens any more, and the work goes on");
        passwords.at_a_place(|| Ok(())).await.unwrap();
    }
}
