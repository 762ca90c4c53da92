"use client";
import { useEffect } from "react";
import { createTokenManager } from "sessionmint/isolated";
import { showIsolated } from "../../../show.js";

export default function Page() {
  useEffect(() => void showIsolated(createTokenManager), []);
  return <p>{createTokenManager({ iam: "https://api.example.com/iam", isolate: "worker" }).state}</p>;
}
