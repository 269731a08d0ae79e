using System.Globalization;

namespace Aperture.Scripting.Tests.Sessions;

/// <summary>
/// What a session should hold after a sequence of submissions: each declaration makes a new place, code sees the places that were visible when it was written.
/// </summary>
internal sealed class SessionModel
{
    private readonly Dictionary<string, Place> _visible = [];
    private readonly List<(string Expression, Place Place)> _captured = [];
    private int _next;

    /// <summary>The code of a random step; the model takes it too.</summary>
    public string Step(int kind, string name, string other)
    {
        int value = ++_next;
        Place? seen = _visible.GetValueOrDefault(name), source = _visible.GetValueOrDefault(other);
        switch (kind)
        {
            case 0:
                _visible[name] = new Place("int") { Value = Text(value) };
                return $"var {name} = {value};";
            case 1:
                _visible[name] = new Place("string") { Value = $"s{value}" };
                return $"var {name} = \"s{value}\";";
            case 2 when seen is { Type: "int" }:
                seen.Value = Text(value);
                return $"{name} = {value};";
            case 3 when source is { Type: "int" } && name != other:
                _visible[name] = new Place("int") { Value = Text(int.Parse(source.Value, CultureInfo.InvariantCulture) + 1) };
                return $"int {name} = {other} + 1;";
            case 4 when seen is not null:
                _captured.Add(($"F{value}()", seen));
                return $"object F{value}() => {name};";
            case 5 when seen is not null:
                _captured.Add(($"f{value}()", seen));
                return $"Func<object> f{value} = () => {name};";
            case 6:
                _captured.Add(($"new T{value}(1).X + {value - 1}", new Place("int") { Value = Text(value) }));
                return $"record T{value}(int X);";
            case 7:
                return "using System.Text;";
            default:
                return "1 + 1";
        }
    }

    public IEnumerable<(string Expression, string Value)> Expected() =>
        [.. _visible.Select(v => (v.Key, v.Value.Value)), .. _captured.Select(c => (c.Expression, c.Place.Value))];

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);

    private sealed record Place(string Type)
    {
        public required string Value { get; set; }
    }
}
