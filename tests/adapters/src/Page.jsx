import { useAuth } from "sessionmint/react";
import { BOB, summary } from "./stage.js";

export function Page() {
  const { login, logout, check, ...session } = useAuth();
  return (
    <main>
      {summary(session)}
      <button name="login" onClick={() => login(BOB)} />
      <button name="logout" onClick={() => logout()} />
      <button name="check" onClick={() => check()} />
    </main>
  );
}
