// Decoder FLOPs of a prefill at the true sizes, counted from the rows each layer works on, beside what the papers report.
//
//     aperture run scripts/true-shapes.csx
//
// Two FLOPs a multiply-accumulate, SwiGLU as three matrices, every token counted, the causal half not subtracted; without vision tower and output matrix.
// Exit layers and shares of skipped tokens depend on data: where a paper reports one it is put in, and the row says so.

using System.Text.Json;
using Aperture.Benchmarks;
using Aperture.Measuring;

var llava = ModelShape.Find("llava-1.5-7b").Info;
const int Prefix = 35;

LayerRows[] Dense(int rows) => [.. Enumerable.Repeat(LayerRows.Full(rows), llava.Layers)];
LayerRows[] Exit(int visual, int text, int layer) => [.. Enumerable.Range(0, llava.Layers).Select(l => LayerRows.Full(Prefix + text + (l <= layer ? visual : 0)))];
LayerRows[] Routed(int rows, double skip) => [.. Enumerable.Range(0, llava.Layers).Select(l => LayerRows.Full(l is 0 or 1 or 2 || l == llava.Layers - 1 ? rows : (int)(rows * (1 - skip))))];
LayerRows[] WithoutAttention(int rows, int layers) => [.. Enumerable.Range(0, llava.Layers).Select(l => l < layers ? new LayerRows(0, 0, rows) : LayerRows.Full(rows))];
LayerRows[] Pruned(int visual, int text, int[] recipe)
{
    int rows = Prefix + visual + text;
    return [.. recipe.Select(dropped => new LayerRows(rows, rows, rows -= dropped))];
}

int[] Recipe(string model, string name)
{
    using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(ScriptFolder, "..", "plugins", "FitPrune", "Recipes", "official.json")));
    var entry = json.RootElement.GetProperty("models").EnumerateArray().First(m => m.GetProperty("model").GetString() == model);
    return [.. entry.GetProperty("recipes").GetProperty(name).EnumerateArray().Select(k => k.GetInt32())];
}

Print("| model | method | rows | TFLOPs | of dense | KV | the paper's figure | why they differ |");
Print("|---|---|---|---|---|---|---|---|");
void Row(string model, string method, int rows, LayerRows[] layers, string paper, string why)
{
    var dense = Dense(rows);
    double macs = layers.Sum(l => (double)l.Macs(llava)), all = dense.Sum(l => (double)l.Macs(llava));
    double cache = layers.Sum(l => (double)l.CacheBytes(llava)) / dense.Sum(l => (double)l.CacheBytes(llava));
    Print(FormattableString.Invariant($"| {model} | {method} | {rows} | {2 * macs / 1e12:0.000} | {100 * macs / all:0.0} % | {100 * cache:0.0} % | {paper} | {why} |"));
}

Row("LLaVA-1.5-7B", "none", 636, Dense(636), "", "");
foreach (string strength in new[] { "40", "60", "80" })
{
    Row("LLaVA-1.5-7B", $"FitPrune {strength}", 636, Pruned(576, 25, Recipe("llava-v1.5-7b", strength)), $"{100 - int.Parse(strength)} % (the recipe's name)", "a recipe's name counts visual tokens alone, those left after each layer's own drop; here text rows and the attention before the drop count too");
}

foreach (int layer in new[] { 11, 15, 19 })
{
    Row("LLaVA-1.5-7B", $"DyVTE, exit after layer {layer}", 636, Exit(576, 25, layer), layer == 15 ? "54.3 % (SEED)" : "", layer == 15 ? "a mean exit at about layer 15 gives the paper's 45.7 % saved; question length differs" : "");
}

Row("LLaVA-1.5-7B", "none", 800, Dense(800), "10.7", "");
Row("LLaVA-1.5-7B", "gamma-MoD-0.3, 31.0 % skipped", 800, Routed(800, 0.310), "7.7", "none: four dense layers");
Row("LLaVA-1.5-7B", "gamma-MoD-0.5, 56.4 % skipped", 800, Routed(800, 0.564), "5.3", "none: four dense layers");
Row("LLaVA-1.5-7B", "EAS, 12 of 32 attentions skipped", 636, WithoutAttention(636, 12), "2.2 times as fast (LaVIN, wall clock)", "attention is a third of a layer, so 12 of 32 cannot save more than an eighth of the FLOPs; the claim is a wall-clock time at batch 1 with merged adapters");
Row("LLaVA-HR-7B", "none", 1400, Dense(1400), "19.2", "");
Row("LLaVA-HR-7B", "gamma-MoD-0.3, 37.9 % skipped", 1400, Routed(1400, 0.379), "12.6", "none: four dense layers");
Row("LLaVA-HR-7B", "gamma-MoD-0.5, 57.7 % skipped", 1400, Routed(1400, 0.577), "9.3", "none: four dense layers");
foreach (string strength in new[] { "40", "60" })
{
    Row("LLaVA-HR-7B", $"FitPrune {strength}", 1084, Pruned(1024, 25, Recipe("llava-hr-7b", strength)), $"{100 - int.Parse(strength)} % (the recipe's name)", "as above");
}

Row("LLaVA-HR-7B", "DyVTE, exit after layer 15", 1084, Exit(1024, 25, 15), "", "");
