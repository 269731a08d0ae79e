namespace Aperture.Plugins;

/// <summary>
/// A command that a plugin adds: <c>aperture NAME …</c>. A plugin registers it as a keyed service, the key being its name. It describes what it takes; the
/// host reads the command line, writes help, opens the model, shows progress and tables and draws charts. One object serves every call.
/// </summary>
public interface IPluginCommand
{
    /// <summary>The verb: small letters, digits and dashes. No built-in verb and no other plugin's may have it.</summary>
    string Name { get; }

    /// <summary>One line for help.</summary>
    string Summary { get; }

    /// <summary>
    /// Whether it works on a model: the model is then its first argument, the options about opening a model and <c>--with</c> are added, and
    /// <see cref="ICommandContext.OpenQuestions"/> is of use.
    /// </summary>
    bool NeedsModel => false;

    /// <summary>What stands on the command line by its place, in order, the model aside. Only the last may be repeatable.</summary>
    IReadOnlyList<CommandParameter> Arguments => [];

    /// <summary>What is given as <c>--name value</c>.</summary>
    IReadOnlyList<CommandParameter> Options => [];

    /// <summary>Runs the command. The host calls it on a thread of its own, so it may work without ever awaiting.</summary>
    /// <param name="context">What was given, and what the command may use; borrowed until it ends.</param>
    /// <param name="cancellationToken">Fires at Ctrl+C; let the <see cref="OperationCanceledException"/> pass.</param>
    /// <returns>The exit code: 0 for success.</returns>
    /// <exception cref="ApertureException">What the user can mend, in one line. Any other exception becomes a line too, with its type.</exception>
    Task<int> RunAsync(ICommandContext context, CancellationToken cancellationToken);
}
