using System.Text.Json;
using Aperture.Plugins;

namespace Aperture.Scripting;

/// <summary>What a method or a task of a plugin says of itself: summary, paper, and its options as tables.</summary>
public static class MethodHelp
{
    /// <summary>Shows a method: what it is, then the options of using, fitting and training it.</summary>
    /// <param name="display">Where to.</param>
    /// <param name="method">The method.</param>
    public static void Show(IScriptDisplay display, PluginMethod method)
    {
        Head(display, "method", method.Name, ("does", method.Summary), ("paper", method.Paper ?? ""), ("plugin", method.Plugin));
        Show(display, $"options: With(\"{method.Name}\", new {{ … }}), --with {method.Name}:OPTION=VALUE,…", method.Options, method.Defaults);
        Show(display, $"options of fitting: aperture fit {method.Name}:OPTION=VALUE,… MODEL FILE", method.CalibrationOptions);
        Show(display, $"options of training: aperture train {method.Name}:OPTION=VALUE,… MODEL FILE --output FOLDER", method.TrainingOptions);
    }

    /// <summary>Shows a task: what it is, what it recognises, then the options of opening and training it.</summary>
    /// <param name="display">Where to.</param>
    /// <param name="task">The task.</param>
    public static void Show(IScriptDisplay display, PluginTask task)
    {
        Head(display, task.Kind, task.Name, ("does", task.Summary), ("recognises", task.Checkpoints), ("plugin", task.Plugin));
        Show(display, "options of opening", task.Options);
        Show(display, "options of training", task.TrainingOptions);
    }

    /// <summary>A table of options.</summary>
    /// <param name="title">Stands above it.</param>
    /// <param name="options">The options.</param>
    /// <param name="defaults">Defaults of <c>plugins.json</c>, an object; undefined for none.</param>
    public static DisplayTable Table(string title, IReadOnlyList<MethodOption> options, JsonElement defaults = default) => new(
        ["option", "type", "default", "allowed", "meaning"],
        [.. options.Select(option => (IReadOnlyList<string>)[option.Name, option.Type, Default(option, defaults), option.Allowed, option.Summary])])
    {
        Title = title,
    };

    private static void Head(IScriptDisplay display, string kind, string name, params (string Head, string Text)[] lines)
        => display.Show(new DisplayTable(
            [kind, name], [.. lines.Where(line => line.Text.Length > 0).Select(line => (IReadOnlyList<string>)[line.Head, line.Text])]));

    private static void Show(IScriptDisplay display, string title, IReadOnlyList<MethodOption>? options, JsonElement defaults = default)
    {
        if (options is { Count: > 0 })
        {
            display.Print("");
            display.Show(Table(title, options, defaults));
        }
    }

    private static string Default(MethodOption option, JsonElement defaults)
    {
        JsonProperty given = defaults.ValueKind != JsonValueKind.Object ? default
            : defaults.EnumerateObject().FirstOrDefault(property => string.Equals(property.Name, option.Name, StringComparison.OrdinalIgnoreCase));
        return given.Value.ValueKind == JsonValueKind.Undefined ? option.Default : $"{given.Value} (plugins.json)";
    }
}
