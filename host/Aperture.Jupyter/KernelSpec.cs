using System.Runtime.InteropServices;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Aperture.Files;
using Aperture.Pipelines;

namespace Aperture.Jupyter;

/// <summary>The folder that tells Jupyter how to start a kernel: <c>kernel.json</c>, and the logo that front ends show.</summary>
public static class KernelSpec
{
    private static readonly string[] _logos = ["logo-32x32.png", "logo-64x64.png", "logo-svg.svg"];

    /// <summary>The language that notebooks of this kernel name.</summary>
    public const string Language = "C#";

    private static readonly JsonSerializerOptions _json = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The folder of the user's kernels: <c>$JUPYTER_DATA_DIR/kernels</c>, or <c>~/.local/share/jupyter/kernels</c>.</summary>
    /// <exception cref="ApertureException">The user has no such folder.</exception>
    public static string UserFolder
        => Path.Combine(
            (Environment.GetEnvironmentVariable("JUPYTER_DATA_DIR") is { Length: > 0 } data
                ? Path.GetFullPath(data)
                : UserFolders.Below(UserFolders.Data, "jupyter"))
            ?? throw new ApertureException("There is no home folder to register the kernel in; set HOME, or give an installation of Jupyter with --prefix."),
            "kernels");

    /// <summary>The folder of the kernels of an installation of Jupyter, such as a virtual environment.</summary>
    /// <param name="prefix">Where it is installed.</param>
    public static string FolderOf(string prefix) => Path.Combine(prefix, "share", "jupyter", "kernels");

    /// <summary>The command that starts this program again: its own file, or the .NET host and its assembly.</summary>
    /// <exception cref="ApertureException">It cannot be told.</exception>
    public static IReadOnlyList<string> ThisProgram()
    {
        string assembly = Path.Combine(AppContext.BaseDirectory, "aperture.dll");
        string dotnet = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", "dotnet"));
        if (File.Exists(assembly) && File.Exists(dotnet))
        {
            return [dotnet, assembly]; // Not the executable beside it: that one has to find .NET again, without this process's environment.
        }

        return Environment.ProcessPath is { } own
            ? [own]
            : throw new ApertureException("The path of this program is unknown, so the kernel cannot be registered.");
    }

    /// <summary>Writes the kernel's folder; written whole or not at all, an older one is replaced.</summary>
    /// <param name="kernels">The folder of kernels.</param>
    /// <param name="name">The kernel's name: letters, digits, dots, dashes and underscores.</param>
    /// <param name="command">The command that starts the kernel, without the connection file.</param>
    /// <returns>The full path of the kernel's folder.</returns>
    /// <exception cref="ApertureException">The name is no kernel's name, or the folder cannot be written.</exception>
    public static string Install(string kernels, string name, IReadOnlyList<string> command)
    {
        if (name.Length == 0 || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_') || name[0] == '.')
        {
            throw new ApertureException($"The kernel's name '{name}' must consist of letters, digits, dots, dashes and underscores.");
        }

        JsonObject spec = new()
        {
            ["argv"] = new JsonArray([.. command.Append("{connection_file}").Select(part => JsonValue.Create(part))]),
            ["display_name"] = name == "aperture" ? "C# (Aperture)" : $"C# ({name})",
            ["language"] = Language,
            ["interrupt_mode"] = "message",
        };
        string folder = Path.GetFullPath(Path.Combine(kernels, name));
        try
        {
            Directory.CreateDirectory(folder);
            foreach (string logo in _logos)
            {
                using Stream drawn = typeof(KernelSpec).Assembly.GetManifestResourceStream(logo)
                    ?? throw new InvalidOperationException($"The resource {logo} is missing from Aperture.Jupyter.");
                using MemoryStream bytes = new();
                drawn.CopyTo(bytes);
                AtomicFile.Write(Path.Combine(folder, logo), bytes.ToArray());
            }

            // Last: a folder without it is no kernel.
            AtomicFile.Write(Path.Combine(folder, "kernel.json"), Encoding.UTF8.GetBytes(spec.ToJsonString(_json) + "\n"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ApertureException($"The kernel cannot be registered in '{folder}': {e.Message} Give another place with --prefix.", e);
        }

        return folder;
    }
}
