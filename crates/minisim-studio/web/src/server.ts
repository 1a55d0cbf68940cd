// The engine behind a WebSocket: the native server.

import type { Answer, FigurePanel, PictureHeader } from "./messages";
import type { Engine, Events, TourImage, TourPlot } from "./types";

/** Connects to the server that sent this page, and connects again whenever it was lost. */
export function connect(events: Events): Engine {
  const token = new URLSearchParams(location.search).get("token") ?? "";
  let socket: WebSocket | undefined;

  const open = () => {
    socket = new WebSocket(`ws://${location.host}/ws?token=${encodeURIComponent(token)}`);
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => (typeof data === "string" ? text(data) : binary(data as ArrayBuffer));
    socket.onclose = () => {
      events.connected(false);
      setTimeout(open, 1000);
    };
  };

  const text = (data: string) => {
    // The server is ours, and what it sends is what `messages.ts` says.
    const answer = JSON.parse(data) as Answer;
    if (answer.type === "hello") events.connected(true);
    (events[answer.type] as (answer: Answer) => void)(answer);
  };

  const binary = (buffer: ArrayBuffer) => {
    const length = new DataView(buffer).getUint32(0, true);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length))) as PictureHeader;
    const floats = () => new Float32Array(buffer, 4 + length);
    switch (header.type) {
      case "projection":
        return events.projection({ ...header, data: floats() });
      case "frame":
        return events.frame({ ...header, data: new Uint8Array(buffer, 4 + length) });
      case "tour": {
        let at = 0;
        const withPixels = (panel: FigurePanel): TourImage | TourPlot => {
          if (panel.kind !== "image") return panel;
          const start = at;
          at += panel.shape[0] * panel.shape[1];
          return { ...panel, data: floats().subarray(start, at) };
        };
        return events.tour({ ...header, panels: header.panels.map(withPixels) });
      }
    }
  };

  open();
  return {
    ask: (request) => {
      if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(request));
    },
  };
}
