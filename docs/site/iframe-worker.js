// Browsers start no worker for a page that was opened as a file. There this takes the worker's place, so that search works
// without a server: the worker's script runs in a hidden frame.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.append(this.frame);
      const inside = this.frame.contentWindow;
      inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      inside.importScripts = async (...urls) => { for (const each of urls) await run(inside, each); };
      this.loaded = run(inside, url);
    }

    postMessage(data) {
      const inside = this.frame.contentWindow;
      this.loaded.then(() => inside.dispatchEvent(new inside.MessageEvent("message", { data })));
    }
  };

  function run(inside, url) {
    return new Promise((done) => {
      const script = inside.document.createElement("script");
      script.src = url;
      script.onload = done;
      inside.document.body.append(script);
    });
  }
}
