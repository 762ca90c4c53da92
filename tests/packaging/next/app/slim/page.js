"use client";
import { useEffect } from "react";
import { createTokenManager } from "sessionmint/slim";
import { show } from "../../../show.js";

const wasm = () => fetch(new URL("sessionmint/sessionmint.wasm", import.meta.url));
const fallback = () => import("sessionmint/fallback");

export default function Page() {
  useEffect(() => void show(createTokenManager, { wasm, fallback }), []);
  return <p>{createTokenManager({ iam: "https://api.example.com/iam", wasm, fallback }).state}</p>;
}
