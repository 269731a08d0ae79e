namespace Aperture.Scripting;

/// <summary>A top-level variable of a session, as the REPL and notebooks list it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Its declared type.</param>
/// <param name="Value">Its value now.</param>
public sealed record ScriptVariable(string Name, Type Type, object? Value);
