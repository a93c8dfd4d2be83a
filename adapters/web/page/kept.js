// The attached image across a reload, one for each tab: too large for what keeps the text.

const STORE = "drafts";

/** Keep an image and its mask (data URLs), or nothing. */
export async function keep(found) {
  sessionStorage.tab ??= String(Math.random());
  const store = await opened("readwrite");
  if (found) store?.put({ tab: sessionStorage.tab, ...found }, "image");
  else store?.delete("image");
}

/** Return the image that this tab kept, with its mask. */
export async function kept() {
  const store = sessionStorage.tab && (await opened("readonly"));
  if (!store) return null;
  const found = await done(store.get("image"));
  return found?.tab === sessionStorage.tab ? found : null;
}

async function opened(mode) {
  try {
    const request = indexedDB.open(STORE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    return (await done(request)).transaction(STORE, mode).objectStore(STORE);
  } catch {
    return null; // a private window may keep nothing
  }
}

function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
