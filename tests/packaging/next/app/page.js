"use client";
import { useEffect } from "react";
import { createTokenManager } from "sessionmint";
import { show } from "../../show.js";

export default function Page() {
  useEffect(() => void show(createTokenManager), []);
  // Also while the page is prerendered on the server, where creating a manager does nothing.
  return <p>{createTokenManager({ iam: "https://api.example.com/iam" }).state}</p>;
}
